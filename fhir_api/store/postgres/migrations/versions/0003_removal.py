"""Index rows are removed by a statement for each table."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
