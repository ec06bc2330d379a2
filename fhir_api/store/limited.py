"""Stores in front of others that show less: what the server itself may still ask of them.

A store that limits somebody has an attribute ``behind``, the reader without limits, and a method ``removable``; stores
that hand on what they are asked hand on these too.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.model.keys import ResourceKey
from fhir_api.store.port import Reader


def behind(reader: Reader) -> Reader:
    """Return what is read from without limits: for the server's own needs, never for what a client asked for."""
    found: Reader = getattr(reader, "behind", reader)
    return found


async def removable(reader: Reader, keys: Sequence[ResourceKey]) -> set[ResourceKey]:
    """Return those of *keys* that are there for whoever wants to delete them."""
    asked = getattr(reader, "removable", None)
    found: set[ResourceKey] = set(await reader.currents(keys)) if asked is None else await asked(keys)
    return found
