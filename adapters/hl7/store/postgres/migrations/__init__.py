"""The schema ``hl7``, in a chain of migrations of its own."""

from __future__ import annotations

from pathlib import Path

from stanforis.storage.migrations import Chain
from stanforis.tenancy import migrations as tenancy

CHAIN = Chain(Path(__file__).parent / "versions", "hl7_version", lock=0x5374616E686C37, after=(tenancy.CHAIN,))


def upgrade(dsn: str) -> None:
    """Bring the schema in the database at *dsn* (libpq URL of its owner) to the newest version."""
    CHAIN.upgrade(dsn)
