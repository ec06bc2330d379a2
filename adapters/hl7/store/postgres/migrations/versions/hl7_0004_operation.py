"""Lists of messages, senders at a glance, corrections, and working on messages again."""

from stanforis.storage.migrations.sql import run_beside

revision = "hl7_0004"
down_revision = "hl7_0003"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
