"""Attributes of people are changed one by one."""

from stanforis.storage.migrations.sql import run_beside

revision = "access_0007"
down_revision = "access_0006"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
