"""Contexts are verified once for a session, not for each statement."""

from stanforis.storage.migrations.sql import run_beside

revision = "tenancy_0007"
down_revision = "tenancy_0006"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
