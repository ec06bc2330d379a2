"""Shredding a tenant."""

from stanforis.storage.migrations.sql import run_beside

revision = "tenancy_0003"
down_revision = "tenancy_0002"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
