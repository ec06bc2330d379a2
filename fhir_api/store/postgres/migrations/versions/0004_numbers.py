"""A resource's number begins with its type."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
