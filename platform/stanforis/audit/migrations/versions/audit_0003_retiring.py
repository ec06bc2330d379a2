"""Months that need not be kept any longer."""

from stanforis.storage.migrations.sql import run_beside

revision = "audit_0003"
down_revision = "audit_0002"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
