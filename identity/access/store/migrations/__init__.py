"""Versioned, forward-only changes of the schema ``access``, carried out by Alembic.

Each version is a pair of files in ``versions``: a short Python file that names it, and the SQL it runs.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

_HERE = Path(__file__).parent
_LOCK = 0x53746E66416363
"""Advisory lock that one migrating process holds."""


def upgrade(dsn: str) -> None:
    """Bring the schema in the database at *dsn* (libpq URL of its owner) to the newest version.

    Several processes may call this at once; one works, the others wait and find nothing to do.
    """
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:n)"), {"n": _LOCK})
        connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": _LOCK})
