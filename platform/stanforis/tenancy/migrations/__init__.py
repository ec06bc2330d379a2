"""The schema ``tenancy``, in a chain of migrations of its own; the schemas with tables of tenants stand on it."""

from __future__ import annotations

from pathlib import Path

from stanforis.storage.migrations import Chain

CHAIN = Chain(Path(__file__).parent / "versions", "tenancy_version", lock=0x5374616E74656E)


def upgrade(dsn: str) -> None:
    """Bring the schema in the database at *dsn* (libpq URL of its owner) to the newest version."""
    CHAIN.upgrade(dsn)
