"""Roles, rules and passkeys; lists for administration."""

from pathlib import Path

from alembic import op

revision = "access_0002"
down_revision = "access_0001"


def upgrade() -> None:
    """Run the SQL beside this file, as it is: ``%`` and ``:`` are plain text."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("migrations run on a live connection only")
    connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
