"""Destinations that are stopped and set going, messages of others' making, and dead letters that are made again."""

from stanforis.storage.migrations.sql import run_beside

revision = "hl7_0007"
down_revision = "hl7_0006"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
