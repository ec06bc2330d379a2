"""Tenants, plans, and what is used of them."""

from stanforis.storage.migrations.sql import run_beside

revision = "tenancy_0002"
down_revision = "tenancy_0001"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
