"""A private, real PostgreSQL 18 in a data folder, started and stopped with the program that uses it."""

from stanforis.storage.embedded.cluster import ConnectionInfo, EmbeddedPostgres
from stanforis.storage.embedded.install import EmbeddedPostgresError, find_programs
from stanforis.storage.embedded.lock import FolderInUseError, FolderLock

__all__ = [
    "ConnectionInfo",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "FolderInUseError",
    "FolderLock",
    "find_programs",
]
