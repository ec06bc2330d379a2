"""What was made of messages, and the questions they wait for."""

from stanforis.storage.migrations.sql import run_beside

revision = "hl7_0003"
down_revision = "hl7_0002"


def upgrade() -> None:
    """Make the tables ``work`` and ``waiting``."""
    run_beside(__file__)
