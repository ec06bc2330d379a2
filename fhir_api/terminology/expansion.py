"""Value sets listed: every concept with its display, in the order of the composition.

Spec: https://hl7.org/fhir/R4/valueset-operation-expand.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fhir_api.packages.library import Definition
from fhir_api.terminology.composition import FindSystem, FindValueSet, expansion_rows
from fhir_api.terminology.value_set import CompiledValueSet


class ExpandedConcept(NamedTuple):
    """One concept of an expansion.

    Attributes:
        system: its code system.
        code: its code.
        display: the name the value set gives it, else the code system's.
        is_inactive: the concept is not to be used any more.
        is_abstract: the concept only groups others.
    """

    system: str
    code: str
    display: str | None = None
    is_inactive: bool = False
    is_abstract: bool = False


class Expansion(NamedTuple):
    """The concepts of a value set.

    Attributes:
        concepts: in the order of the composition.
        is_whole: there are no others.
        obstacles: why there may be others that are not listed.
    """

    concepts: tuple[ExpandedConcept, ...]
    is_whole: bool
    obstacles: tuple[str, ...]


Candidate = tuple[str, str]
"""System and code."""


def expand(
    definition: Definition, compiled: CompiledValueSet, systems: FindSystem, value_sets: FindValueSet
) -> Expansion:
    """Return all concepts of a value set.

    Raises:
        NotAtHandError: a definition has to be fetched first.
    """
    candidates = dict.fromkeys(_candidates(definition, systems, value_sets))
    concepts = tuple(_described(*each, compiled, systems) for each in candidates if compiled.contains(*each))
    obstacles = compiled.obstacles or tuple(_unlistable(compiled))
    return Expansion(concepts, not obstacles, obstacles)


def page(expansion: Expansion, limit: int, offset: int, *, active_only: bool) -> Expansion:
    """Return a part of an expansion."""
    concepts = tuple(each for each in expansion.concepts if not (active_only and each.is_inactive))
    part = concepts[offset : offset + limit]
    return expansion._replace(concepts=part, is_whole=expansion.is_whole and len(part) == len(concepts))


def _unlistable(compiled: CompiledValueSet) -> Iterator[str]:
    for system, codes in compiled.members.systems.items():
        if codes.listed is None:
            yield f"The codes of the code system {system} cannot be listed."


def _candidates(definition: Definition, systems: FindSystem, value_sets: FindValueSet) -> Iterator[Candidate]:
    """Yield every code that may be in the value set, in order; some more than once."""
    for include in definition.get("compose", {}).get("include", ()):
        if "system" in include:
            yield from _of_system(include, systems)
        else:
            for canonical in include.get("valueSet", ()):
                yield from _of_value_set(value_sets(canonical), systems)
    for row in expansion_rows(definition.get("expansion", {}).get("contains", ())):
        if "system" in row and "code" in row:
            yield row["system"], row["code"]


def _of_value_set(imported: CompiledValueSet, systems: FindSystem) -> Iterator[Candidate]:
    """Yield the codes an imported value set lists, in the order of their code systems."""
    for system, codes in imported.members.systems.items():
        listed = codes.listed or frozenset()
        known = systems(system).concepts
        yield from ((system, code) for code in known if code in listed)
        yield from ((system, code) for code in sorted(listed - known.keys()))


def _of_system(include: Mapping[str, Any], systems: FindSystem) -> Iterator[Candidate]:
    system = include["system"]
    if "concept" in include:
        yield from ((system, concept["code"]) for concept in include["concept"])
    else:
        version = include.get("version")
        yield from ((system, code) for code in systems(f"{system}|{version}" if version else system).concepts)


def _described(system: str, code: str, compiled: CompiledValueSet, systems: FindSystem) -> ExpandedConcept:
    known = systems(system)
    concept = known.concept(code)
    display = compiled.names.get((system, code), (None,))[0]
    if concept is None:
        return ExpandedConcept(system, code, display)
    is_inactive, is_abstract = known.is_inactive(concept), known.is_abstract(concept)
    return ExpandedConcept(system, concept.code, display or concept.display, is_inactive, is_abstract)
