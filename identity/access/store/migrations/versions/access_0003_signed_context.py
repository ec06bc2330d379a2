"""Row security by a signed context."""

from stanforis.storage.migrations.sql import run_beside

revision = "access_0003"
down_revision = "access_0002"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
