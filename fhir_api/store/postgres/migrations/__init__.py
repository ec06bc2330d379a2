"""Versioned, forward-only changes of the database, carried out by Alembic.

Each version is a pair of files in ``versions``: a short Python file that names it, and the SQL it runs.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool
from stanforis.audit.migrations import CHAIN as AUDIT
from stanforis.errors import OperatorError
from stanforis.tenancy import migrations as tenancy

_HERE = Path(__file__).parent
_LOCK = 0x5374616E666F7269
"""Advisory lock that one migrating process holds."""


class MigrationError(OperatorError):
    """The database cannot be brought to, or is not at, the version this program needs."""


def upgrade(dsn: str) -> str:
    """Bring the database at *dsn* (libpq URL of its owner) to the newest version, which is returned.

    Several processes may call this at once; one works, the others wait and find nothing to do.

    Raises:
        MigrationError: the database is newer than this program.
    """
    config = _config()
    with _connected(dsn) as connection:
        _refuse_newer(connection, config)
        connection.execute(text("SELECT pg_advisory_lock(:n)"), {"n": _LOCK})
        connection.commit()
        tenancy.upgrade(dsn)
        AUDIT.upgrade(dsn)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": _LOCK})
        return _current(connection) or ""


def check(dsn: str) -> str:
    """Return the version of the database when it is the one this program needs.

    Raises:
        MigrationError: it is older or newer; the message says what to do.
    """
    config = _config()
    with _connected(dsn) as connection:
        _refuse_newer(connection, config)
        current, head = _current(connection), ScriptDirectory.from_config(config).get_current_head()
    if current is None or current != head:
        raise MigrationError(
            f"The database is at version {current or 'none'}, {head} is needed: run 'stanforis db upgrade'."
        )
    return current


def _connected(dsn: str) -> Connection:
    url = make_url(dsn).set(drivername="postgresql+psycopg")
    # closed for good when it is given back, not kept for a next time that never comes
    return create_engine(url, poolclass=NullPool).connect()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    return config


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(connection: Connection, config: Config) -> None:
    current = _current(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise MigrationError(f"The database is at version {current}, which this program does not know: it is newer.")
