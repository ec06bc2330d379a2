"""The signed context that tells the database whom a statement may see."""

from stanforis.storage.migrations.sql import run_beside

revision = "tenancy_0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
