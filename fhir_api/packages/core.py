"""The definitions of R4 itself.

Spec: https://hl7.org/fhir/R4/downloads.html
"""

from __future__ import annotations

from functools import cache
from typing import Final

import orjson

from conformance import library
from fhir_api.packages.library import Definition
from fhir_api.packages.memory import Memory

_KEPT: Final = 4 * 1024 * 1024
"""Bytes of JSON whose parsed form is kept, five times as large; what is compiled from it is for others to keep."""


class CoreLibrary:
    """The definitions of one version of R4, parsed when they are asked for; the last used ones are kept.

    Attributes:
        memory: parsed definitions by resource type and URL, their sizes in bytes of JSON.
    """

    def __init__(self, limit: int = _KEPT) -> None:
        self.memory: Memory[tuple[str, str], Definition] = Memory(limit)

    def find(self, resource_type: str, canonical: str) -> Definition | None:
        """Return a definition, None if R4 has none of that canonical or only another version of it."""
        url, _, version = canonical.partition("|")
        definition = self.memory.find((resource_type, url)) or self._parsed(resource_type, url)
        if definition is None or (version and version != definition.get("version")):
            return None
        return definition

    def _parsed(self, resource_type: str, url: str) -> Definition | None:
        raw = library.read(resource_type, url)
        return None if raw is None else self.memory.keep((resource_type, url), orjson.loads(raw), len(raw))


@cache
def core_library() -> CoreLibrary:
    """Return the definitions of R4 itself, one library for the process; it is a ``Library``."""
    return CoreLibrary()
