"""Search parameters of tenants, the jobs that fill their rows, and a check that no writer passes them by."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
