"""The code systems that are known: those of the library, and those that have a grammar instead of a list.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

from functools import cache
from typing import Final

from fhir_api.packages.core import core_library
from fhir_api.packages.library import Definition, Library
from fhir_api.packages.memory import Memory
from fhir_api.terminology.code_system import CodeSystem, read_code_system, untold
from fhir_api.terminology.codes import Contains
from fhir_api.terminology.grammars import GRAMMARS, UNLISTED

_KEPT: Final = 200_000
"""Concepts that are kept, about 0.4 kB each."""
_LISTING: Final = frozenset({"complete", "fragment", "example"})
MALFORMED: Final = (AttributeError, KeyError, TypeError, ValueError)
"""What reading a definition raises that is not as FHIR wants it: nothing is known from it, and nobody fails over it."""


class CodeSystems:
    """Code systems by canonical, read when they are asked for; the last used ones are kept."""

    def __init__(self, library: Library, outer: CodeSystems | None = None) -> None:
        """Look in *library*, then ask *outer*, and without one tell what has a grammar."""
        self._library = library
        self._outer = outer
        self._memory: Memory[str, CodeSystem] = Memory(_KEPT)

    def find(self, canonical: str) -> CodeSystem:
        """Return a code system, one without concepts and rule where nothing is known of it.

        Args:
            canonical: URL, with ``|version`` where one version is meant.

        Raises:
            NotAtHandError: it has to be fetched first.
        """
        known = self._memory.find(canonical)
        if known is not None:
            return known
        definition = self._library.find("CodeSystem", canonical)
        if definition is not None and definition.get("content") in _LISTING:
            known = self._listed(definition)
        elif self._outer is not None:
            return self._outer.find(canonical)
        else:
            known = self._unlisted(canonical.partition("|")[0])
        return self._memory.keep(canonical, known, 1 + len(known.concepts))

    def _listed(self, definition: Definition) -> CodeSystem:
        """Return what a definition lists; a list of some codes does not replace the rule for all."""
        url: str = definition["url"]
        core = core_systems()
        if self is not core and definition is core_library().find("CodeSystem", url):
            return core.find(url)
        if definition["content"] == "complete":
            return _read(definition, UNLISTED.get(url))
        ruled = self._unlisted(url)
        return ruled if ruled.is_known else _read(definition, ruled.rule)

    def _unlisted(self, url: str) -> CodeSystem:
        """Return what is known by grammar, which is the same in each version."""
        make = GRAMMARS.get(url)
        return CodeSystem(url, rule=untold, is_known=False) if make is None else make(self._library)


@cache
def core_systems() -> CodeSystems:
    """Return the code systems of R4 itself, which all libraries share that have them unchanged."""
    return CodeSystems(core_library())


def _read(definition: Definition, unlisted: Contains | None) -> CodeSystem:
    try:
        return read_code_system(definition, unlisted)
    except MALFORMED:
        return CodeSystem(definition["url"], rule=untold, is_known=False)
