"""Every definition of the package, whole but for what only people read, into one compressed file with an index.

The file is JSON Lines in Zstandard frames: any ``zstd`` reads it whole, and the index says which frame holds a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
import orjson
import zstandard

from conformance.build.package import Definition, Package
from conformance.library import DEFINITIONS, INDEX, Entry, Frame

_FRAME: Final = 256 * 1024
"""Bytes of definitions after which a frame ends: smaller ones compress worse, larger ones cost each reader time."""
_LEVEL: Final = 12
_UNREAD: Final = frozenset({"text", "mapping", "contact"})
"""Narrative, mappings to other standards and addresses: half the package, and nothing asks for them."""


def compile_library(package: Package) -> tuple[dict[str, bytes], int]:
    """Return the files of compressed definitions and their index, sorted by resource type and canonical; and how many.

    What has no canonical is left out.
    """
    definitions = sorted(
        (definition for definition in package.definitions.values() if "url" in definition),
        key=itemgetter("resourceType", "url"),
    )
    index: list[Frame] = []
    frames: list[bytes] = []
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    start = 0
    # a frame has one resource type only, so that all of a type are read in few frames
    for resource_type, group in groupby(definitions, key=itemgetter("resourceType")):
        for entries, content in _filled(group):
            frames.append(compressor.compress(content))
            index.append(Frame(resource_type, start, len(frames[-1]), tuple(entries)))
            start += len(frames[-1])
    lines = msgspec.json.Encoder().encode_lines(index)
    return {DEFINITIONS: b"".join(frames), INDEX: compressor.compress(lines)}, len(definitions)


def _filled(definitions: Iterator[Definition]) -> Iterator[tuple[list[Entry], bytes]]:
    """Yield the content of each frame with its entries."""
    entries: list[Entry] = []
    content = bytearray()
    for definition in definitions:
        line = orjson.dumps(_kept(definition)) + b"\n"
        entries.append(Entry(definition["url"], definition.get("version"), len(content), len(line)))
        content += line
        if len(content) >= _FRAME:
            yield entries, bytes(content)
            entries, content = [], bytearray()
    if entries:
        yield entries, bytes(content)


def _kept(definition: Definition) -> Definition:
    kept = {name: value for name, value in definition.items() if name not in _UNREAD}
    for view in ("snapshot", "differential"):
        if view in kept and kept["resourceType"] == "StructureDefinition":
            kept[view] = {"element": [_without(element, "mapping") for element in kept[view]["element"]]}
    return kept


def _without(element: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in element.items() if key != name}
