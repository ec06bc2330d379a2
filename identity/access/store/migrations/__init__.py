"""Versioned, forward-only changes of the schema ``access``.

Each version is a pair of files in ``versions``: a short Python file that names it, and the SQL it runs.
"""

from __future__ import annotations

from pathlib import Path

from stanforis.storage.migrations import Chain
from stanforis.tenancy import migrations as tenancy

# A chain of its own, so that it and that of the FHIR store can grow at the same time.
CHAIN = Chain(Path(__file__).parent / "versions", "access_version", lock=0x53746E66416363, after=(tenancy.CHAIN,))


def upgrade(dsn: str) -> None:
    """Bring the schema in the database at *dsn* (libpq URL of its owner) to the newest version."""
    CHAIN.upgrade(dsn)
