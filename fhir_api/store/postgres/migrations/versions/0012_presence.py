"""An index of which parameters have a value."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0012"
down_revision = "0010"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
