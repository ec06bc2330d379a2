"""Grants in a hundred bytes each."""

from stanforis.storage.migrations.sql import run_beside

revision = "access_0004"
down_revision = "access_0003"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
