"""The definitions of R4 itself.

Spec: https://hl7.org/fhir/R4/downloads.html
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from typing import Final

import orjson

from conformance import library
from fhir_api.packages.library import Definition

_KEPT: Final = 4 * 1024 * 1024
"""Bytes of JSON whose parsed form is kept, five times as large; what is compiled from it is for others to keep."""


class CoreLibrary:
    """The definitions of one version of R4, parsed when they are asked for; the last used ones are kept.

    Attributes:
        size: bytes of JSON that the kept definitions were parsed from.
    """

    def __init__(self, limit: int = _KEPT) -> None:
        self.size = 0
        self._limit = limit
        self._kept: OrderedDict[tuple[str, str], tuple[Definition, int]] = OrderedDict()

    def find(self, resource_type: str, canonical: str) -> Definition | None:
        """Return a definition, None if R4 has none of that canonical or only another version of it."""
        url, _, version = canonical.partition("|")
        definition = self._definition(resource_type, url)
        if definition is None or (version and version != definition.get("version")):
            return None
        return definition

    def _definition(self, resource_type: str, url: str) -> Definition | None:
        kept = self._kept.get((resource_type, url))
        if kept is not None:
            self._kept.move_to_end((resource_type, url))
            return kept[0]
        raw = library.read(resource_type, url)
        if raw is None:
            return None
        definition: Definition = orjson.loads(raw)
        self._keep((resource_type, url), definition, len(raw))
        return definition

    def _keep(self, key: tuple[str, str], definition: Definition, size: int) -> None:
        self._kept[key] = definition, size
        self.size += size
        while self.size > self._limit:
            _, (_, dropped) = self._kept.popitem(last=False)
            self.size -= dropped


@cache
def core_library() -> CoreLibrary:
    """Return the definitions of R4 itself, one library for the process; it is a ``Library``."""
    return CoreLibrary()
