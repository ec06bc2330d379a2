"""The names of tenants are shown behind a barrier."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
