"""Row security by a signed context."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
