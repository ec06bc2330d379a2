"""Index rows once: of parameters that share their entries, and of numbers in the order of values."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
