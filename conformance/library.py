"""Every definition of R4, found by canonical and decompressed when it is asked for.

Spec: https://hl7.org/fhir/R4/downloads.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
import zstandard
from msgspec import Struct

DEFINITIONS: Final = "definitions.jsonl.zst"
INDEX: Final = "definitions_index.jsonl.zst"
_DATA: Final = Path(__file__).parent / "data"


class Entry(NamedTuple):
    """Where one definition stands in its frame.

    Attributes:
        url: its canonical without version.
        version: its business version.
        offset: where it begins in the decompressed frame, in bytes.
        length: of its JSON with the line's end, in bytes.
    """

    url: str
    version: str | None
    offset: int
    length: int


class Frame(Struct, frozen=True, forbid_unknown_fields=True):
    """One compressed part of the file.

    Attributes:
        resource_type: of all its definitions.
        start: offset in the file, in bytes.
        length: compressed, in bytes.
        entries: its definitions, sorted by canonical.
    """

    resource_type: str
    start: int
    length: int
    entries: tuple[Entry, ...]


@cache
def _index() -> Mapping[str, Mapping[str, tuple[Frame, Entry]]]:
    index: dict[str, dict[str, tuple[Frame, Entry]]] = {}
    for frame in read_index((_DATA / INDEX).read_bytes()):
        index.setdefault(frame.resource_type, {}).update((entry.url, (frame, entry)) for entry in frame.entries)
    return MappingProxyType(index)


def read_index(compressed: bytes) -> list[Frame]:
    """Return the frames that an index tells of."""
    return msgspec.json.Decoder(Frame).decode_lines(zstandard.ZstdDecompressor().decompress(compressed))


def resource_types() -> tuple[str, ...]:
    """Return the resource types that there are definitions of, sorted."""
    return tuple(_index())


def versions(resource_type: str) -> dict[str, str | None]:
    """Return the business version of each definition of a resource type by its canonical, sorted."""
    return {url: entry.version for url, (_, entry) in _index().get(resource_type, {}).items()}


def read(resource_type: str, url: str) -> bytes | None:
    """Return a definition as JSON, None where R4 does not have it.

    Narrative, mappings and contacts are left out.

    Args:
        resource_type: such as ``StructureDefinition``.
        url: its canonical without version.
    """
    found = _index().get(resource_type, {}).get(url)
    return None if found is None else _read(*found)


def read_all(resource_type: str) -> Iterator[bytes]:
    """Yield every definition of a resource type as JSON, sorted by canonical."""
    return (_read(frame, entry) for frame, entry in _index().get(resource_type, {}).values())


def _read(frame: Frame, entry: Entry) -> bytes:
    return _decompressed(frame.start, frame.length)[entry.offset : entry.offset + entry.length]


# Definitions asked for one after the other are often neighbours.
@lru_cache(maxsize=2)
def _decompressed(start: int, length: int) -> bytes:
    with (_DATA / DEFINITIONS).open("rb") as file:
        file.seek(start)
        return zstandard.ZstdDecompressor().decompress(file.read(length))
