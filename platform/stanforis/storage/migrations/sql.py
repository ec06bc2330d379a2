"""Running a migration's SQL file."""

from __future__ import annotations

from pathlib import Path

from alembic import op


def run_beside(migration: str) -> None:
    """Run the ``.sql`` file beside the migration file *migration*, as it is: ``%`` and ``:`` are plain text."""
    sql = Path(migration).with_suffix(".sql").read_text(encoding="utf-8")
    driver_connection = op.get_bind().connection.driver_connection
    if driver_connection is None:
        raise RuntimeError("migrations run on a live connection only")
    driver_connection.execute(sql)
