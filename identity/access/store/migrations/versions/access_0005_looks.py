"""The installation looks at what was revoked, and whose roles and rules changed."""

from stanforis.storage.migrations.sql import run_beside

revision = "access_0005"
down_revision = "access_0004"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
