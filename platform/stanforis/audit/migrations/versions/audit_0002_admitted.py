"""The trail's tables ask for admitted contexts."""

from stanforis.storage.migrations.sql import run_beside

revision = "audit_0002"
down_revision = "audit_0001"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
