"""Contexts for reading change nothing."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
