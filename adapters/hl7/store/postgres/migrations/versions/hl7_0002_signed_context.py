"""Row security by a signed context."""

from stanforis.storage.migrations.sql import run_beside

revision = "hl7_0002"
down_revision = "hl7_0001"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
