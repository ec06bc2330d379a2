"""From a ValueSet resource to its codes.

Spec: https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from operator import and_, or_
from typing import Any, TypeAlias

from fhir_api.packages.library import Definition
from fhir_api.terminology.code_system import CodeSystem
from fhir_api.terminology.codes import NOTHING, UNKNOWN, UNKNOWN_CODES, Codes, Membership, listed
from fhir_api.terminology.filters import Patience, passing
from fhir_api.terminology.value_set import CompiledValueSet, Names

Include: TypeAlias = Mapping[str, Any]
FindSystem: TypeAlias = Callable[[str], CodeSystem]
FindValueSet: TypeAlias = Callable[[str], CompiledValueSet]


def compile_value_set(definition: Definition, systems: FindSystem, value_sets: FindValueSet) -> CompiledValueSet:
    """Return the codes of a value set.

    Its composition counts; where that cannot be told, the expansion it carries does.

    Raises:
        NotAtHandError: a definition it is made of has to be fetched first.
    """
    compose, expansion, url = definition.get("compose"), definition.get("expansion"), definition.get("url", "")
    if compose:
        composed = Composition(compose, systems, value_sets).compiled(url)
        if not (composed.obstacles and expansion):
            return composed
    if expansion:
        return _expanded(url, expansion)
    return CompiledValueSet(url, UNKNOWN, ("It has neither a composition nor an expansion.",))


class Composition:
    """What ``ValueSet.compose`` includes and excludes.

    Attributes:
        obstacles: why not all of its codes are known, as far as it was read.
    """

    def __init__(self, compose: Include, systems: FindSystem, value_sets: FindValueSet) -> None:
        self.obstacles: dict[str, None] = {}
        self._compose = compose
        self._systems = systems
        self._value_sets = value_sets
        self._patience = Patience()
        self._without_inactive = compose.get("inactive") is False

    def compiled(self, url: str) -> CompiledValueSet:
        """Return the codes that are included and not excluded."""
        included = self._union(self._compose.get("include", ()))
        excluded = self._union(self._compose.get("exclude", ()))
        return CompiledValueSet(url, included - excluded, tuple(self.obstacles), _names(self._compose))

    def _union(self, includes: Iterable[Include]) -> Membership:
        return reduce(or_, map(self._membership, includes), NOTHING)

    def _membership(self, include: Include) -> Membership:
        """Return the codes of an include: those of its system that pass its filters and are in all its value sets."""
        parts = [self._imported(canonical) for canonical in include.get("valueSet", ())]
        if "system" in include:
            parts.append(Membership({include["system"]: self._codes(include)}))
        return reduce(and_, parts) if parts else NOTHING

    def _imported(self, canonical: str) -> Membership:
        imported = self._value_sets(canonical)
        self.obstacles.update(dict.fromkeys(imported.obstacles))
        return imported.members

    def _codes(self, include: Include) -> Codes:
        version = include.get("version")
        canonical = include["system"] + (f"|{version}" if version else "")
        system = self._systems(canonical)
        if "concept" in include:
            codes = self._named(include["concept"], system)
        elif "filter" in include:
            codes = self._filtered(include["filter"], system, canonical)
        else:
            codes = self._whole(system, canonical)
        return codes - _inactive(system) if self._without_inactive else codes

    def _named(self, concepts: Iterable[Include], system: CodeSystem) -> Codes:
        """Return the codes a value set names, but for those its code system does not have."""
        codes = frozenset(concept["code"] for concept in concepts)
        if not system.is_listed:
            return listed(codes)
        found = map(system.concept, codes)
        return system.exactly(frozenset(concept.code for concept in found if concept is not None))

    def _filtered(self, filters: Iterable[Include], system: CodeSystem, canonical: str) -> Codes:
        codes = system.all_codes()
        for each in filters:
            passed = passing(system, each, self._patience)
            if passed is None:
                self._meet(f"The filter on {each.get('property')} of the code system {canonical} cannot be told.")
            codes &= UNKNOWN_CODES if passed is None else passed
        if not system.is_known:
            self._meet(f"The codes of the code system {canonical} are not known.")
        return codes

    def _whole(self, system: CodeSystem, canonical: str) -> Codes:
        if not system.is_known:
            self._meet(f"The codes of the code system {canonical} are not known.")
        return system.all_codes()

    def _meet(self, obstacle: str) -> None:
        self.obstacles[obstacle] = None


def _inactive(system: CodeSystem) -> Codes:
    inactive = frozenset(code for code, concept in system.concepts.items() if system.is_inactive(concept))
    return system.exactly(inactive)


def _names(compose: Include) -> dict[tuple[str, str], Names]:
    """Return what a composition calls the codes it includes, by system and code."""
    return {
        (include["system"], concept["code"]): _names_of(concept)
        for include in compose.get("include", ())
        for concept in include.get("concept", ())
        if "system" in include and ("display" in concept or "designation" in concept)
    }


def _names_of(concept: Include) -> Names:
    return concept.get("display"), *(each["value"] for each in concept.get("designation", ()) if "value" in each)


def _expanded(url: str, expansion: Include) -> CompiledValueSet:
    """Return the codes an expansion lists; if it is a page or a part only, others cannot be told."""
    systems: dict[str, set[str]] = {}
    names: dict[tuple[str, str], Names] = {}
    for row in expansion_rows(expansion.get("contains", ())):
        if "system" in row and "code" in row and not row.get("abstract", False):
            systems.setdefault(row["system"], set()).add(row["code"])
            names[row["system"], row["code"]] = _names_of(row)
    members = Membership({system: listed(frozenset(codes)) for system, codes in systems.items()})
    if _is_whole(expansion):
        return CompiledValueSet(url, members, (), names)
    return CompiledValueSet(url, members | UNKNOWN, ("Its expansion lists only a part of its codes.",), names)


_UNCLOSED = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"


def _is_whole(expansion: Include) -> bool:
    if any(each.get("url") == _UNCLOSED and each.get("valueBoolean") for each in expansion.get("extension", ())):
        return False
    count = sum(1 for _ in expansion_rows(expansion.get("contains", ())))
    return not expansion.get("offset") and expansion.get("total", count) <= count


def expansion_rows(contains: Iterable[Include]) -> Iterator[Include]:
    """Yield the rows of an expansion at all depths."""
    for row in contains:
        yield row
        yield from expansion_rows(row.get("contains", ()))
