"""Grants in less than a hundred bytes each, also after they were refreshed."""

from stanforis.storage.migrations.sql import run_beside

revision = "access_0006"
down_revision = "access_0005"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
