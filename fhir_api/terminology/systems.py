"""The code systems that are known: those of the library, and those that have a grammar instead of a list.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

from typing import Final

from fhir_api.packages.library import Definition, Library
from fhir_api.packages.memory import Memory
from fhir_api.terminology.code_system import CodeSystem, read_code_system, untold
from fhir_api.terminology.grammars import GRAMMARS

_KEPT: Final = 200_000
"""Concepts that are kept, about 0.4 kB each."""


class CodeSystems:
    """Code systems by canonical, read when they are asked for; the last used ones are kept."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._memory: Memory[str, CodeSystem] = Memory(_KEPT)

    def find(self, canonical: str) -> CodeSystem:
        """Return a code system, one without concepts and rule where nothing is known of it.

        Args:
            canonical: URL, with ``|version`` where one version is meant.

        Raises:
            NotAtHandError: it has to be fetched first.
        """
        known = self._memory.find(canonical)
        if known is None:
            known = self._read(canonical)
            self._memory.keep(canonical, known, 1 + len(known.concepts))
        return known

    def _read(self, canonical: str) -> CodeSystem:
        definition = self._library.find("CodeSystem", canonical)
        if definition is not None and _has_concepts(definition):
            return read_code_system(definition)
        # A grammar is the same in each version.
        url = canonical.partition("|")[0]
        make = GRAMMARS.get(url)
        return CodeSystem(url, rule=untold, is_known=False) if make is None else make(self._library)


def _has_concepts(definition: Definition) -> bool:
    return definition.get("content") in {"complete", "fragment", "example"}
