"""Versioned, forward-only changes of the database, a chain of its own for each part that keeps data.

Each version is a pair of files in the chain's folder: a short Python file that names it, and the SQL it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of migrations.

    Attributes:
        folder: holds its versions.
        version_table: table of the schema ``public`` that remembers the version.
        lock: advisory lock that one migrating process holds.
        after: chains on which this one stands; they are brought to their newest versions first.
    """

    folder: Path
    version_table: str
    lock: int
    after: tuple[Chain, ...] = ()

    def upgrade(self, dsn: str) -> None:
        """Bring the database at *dsn* (libpq URL of its owner) to the newest version.

        Several processes may call this at once; one works, the others wait and find nothing to do.
        """
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent))
        config.set_main_option("version_locations", str(self.folder))
        config.set_main_option("path_separator", "os")
        config.attributes["version_table"] = self.version_table
        # closed for good when it is given back, not kept for a next time that never comes
        engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg"), poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:n)"), {"n": self.lock})
            connection.commit()
            for chain in self.after:
                chain.upgrade(dsn)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": self.lock})
