"""The message store."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "hl7_0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
