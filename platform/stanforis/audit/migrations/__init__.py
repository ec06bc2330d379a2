"""Versions of the schema ``audit``."""

from __future__ import annotations

from pathlib import Path

from stanforis.storage.migrations import Chain

CHAIN = Chain(Path(__file__).parent / "versions", "audit_version", 0x537466417564)
