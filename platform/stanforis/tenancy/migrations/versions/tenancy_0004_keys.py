"""The keys of tenants."""

from stanforis.storage.migrations.sql import run_beside

revision = "tenancy_0004"
down_revision = "tenancy_0003"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
