"""What a ConceptMap makes of a code.

Spec: https://hl7.org/fhir/R4/conceptmap.html, https://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fhir_api.packages.library import Definition

FindMap = Callable[[str], Definition | None]
"""Returns the ConceptMap of a canonical, None where there is none."""

NO_MATCH: Final = frozenset({"unmatched", "disjoint"})
"""Equivalences that say that there is no translation."""
_REVERSED: Final = {
    "wider": "narrower",
    "narrower": "wider",
    "subsumes": "specializes",
    "specializes": "subsumes",
}
"""An equivalence read from the target: ``wider`` says that the target is the wider one."""
_DEEPEST: Final = 8
"""Maps that hand on to each other in a row."""


class Translated(NamedTuple):
    """One answer of a map.

    Attributes:
        equivalence: of http://hl7.org/fhir/concept-map-equivalence.
        system: of the code it is translated to; None where the map names none.
        code: None where there is nothing to translate to.
        display: as the map gives it.
        concept_map: canonical of the map.
        products: what the translation says about other elements: ``ConceptMap.group.element.target.product``.
    """

    equivalence: str
    system: str | None
    code: str | None
    display: str | None
    concept_map: str
    products: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_match(self) -> bool:
        """Whether the code can be used in the place of the other."""
        return self.code is not None and self.equivalence not in NO_MATCH


class Question(NamedTuple):
    """What is to be translated.

    Attributes:
        system: of the code; None counts as any.
        code: itself.
        version: of the system, where it is known.
        target_system: the system wanted; None for any.
        dependencies: codes of other elements, by the element's URI.
    """

    system: str | None
    code: str
    version: str | None = None
    target_system: str | None = None
    dependencies: Sequence[tuple[str, Mapping[str, Any]]] = ()


def translate(concept_map: Definition, asked: Question, find: FindMap, depth: int = 0) -> Iterator[Translated]:
    """Yield what a map says of a code; nothing where it is silent.

    Raises:
        NotAtHandError: a map that this one hands on to has to be fetched first.
    """
    for group in concept_map.get("group", ()):
        target = group.get("target")
        if not _is_of(group, "source", asked.system, asked.version) or asked.target_system not in (None, target):
            continue
        elements = [element for element in group.get("element", ()) if element.get("code") == asked.code]
        for element in elements:
            yield from _targets(element, target, asked, _canonical(concept_map))
        if not elements and "unmapped" in group:
            yield from _unmapped(group, asked, find, _canonical(concept_map), depth)


def translate_back(concept_map: Definition, asked: Question) -> Iterator[Translated]:
    """Yield the codes that a map translates to a code; *asked.target_system* is the system these are to be of."""
    for group in concept_map.get("group", ()):
        source = group.get("source")
        if not _is_of(group, "target", asked.system, asked.version) or asked.target_system not in (None, source):
            continue
        for element in group.get("element", ()):
            for target in element.get("target", ()):
                if target.get("code") == asked.code and _depends(target, asked.dependencies):
                    equivalence = target.get("equivalence", "")
                    yield Translated(
                        _REVERSED.get(equivalence, equivalence),
                        source,
                        element.get("code"),
                        element.get("display"),
                        _canonical(concept_map),
                    )


def _canonical(concept_map: Definition) -> str:
    return str(concept_map.get("url", ""))


def _is_of(group: Mapping[str, Any], side: str, system: str | None, version: str | None) -> bool:
    """Tell whether a group is about a code system; one that names none is about any."""
    own, own_version = group.get(side), group.get(f"{side}Version")
    return (own is None or system in (None, own)) and (version is None or own_version in (None, version))


def _targets(element: Mapping[str, Any], system: str | None, asked: Question, canonical: str) -> Iterator[Translated]:
    for target in element.get("target", ()):
        if _depends(target, asked.dependencies):
            yield Translated(
                target.get("equivalence", ""),
                system,
                target.get("code"),
                target.get("display"),
                canonical,
                tuple(target.get("product", ())),
            )


def _depends(target: Mapping[str, Any], given: Iterable[tuple[str, Mapping[str, Any]]]) -> bool:
    """Tell whether all is given, and as it should be, that a translation depends on."""
    return all(
        any(_has(concept, wanted) for element, concept in given if element == wanted.get("property"))
        for wanted in target.get("dependsOn", ())
    )


def _has(concept: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    value, system = wanted.get("value"), wanted.get("system")
    codings = concept.get("coding", ())
    return any(each.get("code") == value and system in (None, each.get("system")) for each in codings) or (
        system is None and concept.get("text") == value
    )


def _unmapped(
    group: Mapping[str, Any], asked: Question, find: FindMap, canonical: str, depth: int
) -> Iterator[Translated]:
    """Yield what a group says of codes that it does not list.

    Spec: https://hl7.org/fhir/R4/conceptmap-definitions.html#ConceptMap.group.unmapped
    """
    unmapped, target = group["unmapped"], group.get("target")
    match unmapped.get("mode"):
        case "provided":
            yield Translated("equal", target, asked.code, None, canonical)
        case "fixed":
            yield Translated("inexact", target, unmapped.get("code"), unmapped.get("display"), canonical)
        case "other-map" if depth < _DEEPEST:
            other = find(unmapped.get("url", ""))
            if other is not None:
                yield from translate(other, asked, find, depth + 1)
