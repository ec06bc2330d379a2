"""What was admitted is looked up by its key."""

from stanforis.storage.migrations.sql import run_beside

revision = "tenancy_0008"
down_revision = "tenancy_0007"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
