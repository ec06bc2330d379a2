"""A code system as far as it is known: its concepts, and a rule for codes that are not listed.

Spec: https://hl7.org/fhir/R4/codesystem.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeAlias

from fhir_api.packages.library import Definition
from fhir_api.terminology.codes import Codes, Contains, Truth, listed

_PROPERTY: Final = "http://hl7.org/fhir/concept-properties#"
_INACTIVE: Final = frozenset({"inactive", "retired", "withdrawn"})


FilterRule: TypeAlias = "Callable[[str, str, str], Contains | None]"


class Concept(NamedTuple):
    """One concept.

    Attributes:
        code: as its code system writes it.
        display: its name.
        parents: codes of the concepts above it.
        properties: the values of its properties as texts, by code of the property.
        designations: its other names.
    """

    code: str
    display: str | None = None
    parents: tuple[str, ...] = ()
    properties: Mapping[str, tuple[str, ...]] = {}
    designations: tuple[str, ...] = ()


def never(_code: str) -> Truth:
    """Tell that a code is none: the rule of a complete list."""
    return False


def untold(_code: str) -> Truth:
    """Tell that it is not known whether a code is one: the rule of a list that has some of the codes, or none."""
    return None


class CodeSystem:
    """The concepts of a code system by code, and what is known of codes that are not listed.

    Attributes:
        url: its canonical without version.
        version: its business version.
        concepts: those listed, by code.
        rule: tells whether a code that is not listed is one.
        is_known: the rule tells right codes from wrong ones.
        filter_rule: gives the rule for the codes that pass a filter of a value set (property, operator, value), where
            the filter is not over the listed concepts.
        properties: the URIs of its properties by their codes.
    """

    def __init__(
        self,
        url: str,
        concepts: Iterable[Concept] = (),
        rule: Contains = never,
        *,
        is_known: bool = True,
        filter_rule: FilterRule | None = None,
        version: str | None = None,
        is_case_sensitive: bool = True,
        properties: Mapping[str, str | None] | None = None,
    ) -> None:
        self.url = url
        self.version = version
        self.concepts = {concept.code: concept for concept in concepts}
        self.rule = rule
        self.is_known = is_known
        self.filter_rule = filter_rule
        self.properties = properties or {}
        self._folded = None if is_case_sensitive else {code.casefold(): code for code in self.concepts}

    @property
    def is_listed(self) -> bool:
        """Whether all concepts are listed."""
        return self.rule is never

    def concept(self, code: str) -> Concept | None:
        """Return the concept of a code, None where it is not listed."""
        found = self.concepts.get(code)
        if found is None and self._folded is not None:
            return self.concepts.get(self._folded.get(code.casefold(), ""))
        return found

    def contains(self, code: str) -> Truth:
        """Tell whether a code is one of this system."""
        return True if self.concept(code) is not None else self.rule(code)

    def all_codes(self) -> Codes:
        """Return the codes of the whole system."""
        return self.exactly(frozenset(self.concepts)) if self.is_listed else Codes(self.contains)

    def exactly(self, codes: frozenset[str]) -> Codes:
        """Return these codes, in any case where the system is not case-sensitive."""
        return listed(codes, None if self._folded is None else self._as_written)

    def among_listed(self, codes: frozenset[str]) -> Codes:
        """Return some of the listed codes; whether an unlisted one is among them cannot be told."""
        if self.is_listed:
            return self.exactly(codes)

        def contains(code: str) -> Truth:
            concept = self.concept(code)
            if concept is not None:
                return concept.code in codes
            return False if self.rule(code) is False else None

        return Codes(contains)

    def _as_written(self, code: str) -> str:
        concept = self.concept(code)
        return code if concept is None else concept.code

    def is_inactive(self, concept: Concept) -> bool:
        """Tell whether a concept is not to be used any more."""
        return "true" in self._values(concept, "inactive") or not _INACTIVE.isdisjoint(self._values(concept, "status"))

    def is_abstract(self, concept: Concept) -> bool:
        """Tell whether a concept only groups others."""
        return "true" in self._values(concept, "notSelectable") or "true" in concept.properties.get("abstract", ())

    def _values(self, concept: Concept, name: str) -> tuple[str, ...]:
        return concept.properties.get(self._aliases.get(name, name), ())

    @cached_property
    def _aliases(self) -> Mapping[str, str]:
        """The codes under which the properties that FHIR itself defines go here."""
        return {uri.removeprefix(_PROPERTY): code for code, uri in self.properties.items() if uri and _PROPERTY in uri}

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """The codes directly below each code that has some."""
        children: dict[str, list[str]] = {}
        for concept in self.concepts.values():
            for parent in concept.parents:
                children.setdefault(parent, []).append(concept.code)
        return {code: tuple(each) for code, each in children.items()}

    def descendants(self, code: str) -> frozenset[str]:
        """Return the codes below a code at any depth."""
        return self._reached(code, self.children.get)

    def ancestors(self, code: str) -> frozenset[str]:
        """Return the codes above a code at any height."""
        return self._reached(code, lambda each: self.concepts[each].parents if each in self.concepts else ())

    def _reached(self, code: str, step: Any) -> frozenset[str]:
        reached: set[str] = set()
        waiting = list(step(code) or ())
        while waiting:
            each = waiting.pop()
            if each not in reached:
                reached.add(each)
                waiting.extend(step(each) or ())
        return frozenset(reached)

    def subsumes(self, general: str, specific: str) -> Truth:
        """Tell whether a concept is another one or above it."""
        upper, lower = self.concept(general), self.concept(specific)
        if upper is None or lower is None:
            return self._unlisted_subsumes(general, specific)
        return upper.code == lower.code or upper.code in self.ancestors(lower.code)

    def _unlisted_subsumes(self, general: str, specific: str) -> Truth:
        if self.contains(general) is False or self.contains(specific) is False:
            return False
        return True if general == specific else None


def read_code_system(definition: Definition, unlisted: Contains | None = None) -> CodeSystem:
    """Return what a CodeSystem resource says; a supplement says nothing about which codes there are.

    Args:
        definition: the resource.
        unlisted: the rule for codes that are not listed; None is the one that its completeness gives.
    """
    declared = definition.get("property", ())
    is_complete = definition.get("content") == "complete"
    return CodeSystem(
        definition["url"],
        () if definition.get("content") == "supplement" else _concepts(definition),
        unlisted or (never if is_complete else untold),
        is_known=is_complete,
        version=definition.get("version"),
        # Where it is not said, codes are accepted in any case (CodeSystem.caseSensitive).
        is_case_sensitive=definition.get("caseSensitive", False),
        properties={each["code"]: each.get("uri") for each in declared if "code" in each},
    )


def _concepts(definition: Definition) -> Iterator[Concept]:
    """Yield each concept once, also where the hierarchy is told by properties."""
    parents: dict[str, list[str]] = {}
    nested = list(_nested(definition.get("concept", ()), None))
    for concept, parent in nested:
        above = parents.setdefault(concept["code"], [])
        above.extend([parent] if parent else ())
        above.extend(_property(concept, "parent"))
        for child in _property(concept, "child"):
            parents.setdefault(child, []).append(concept["code"])
    for concept, _ in nested:
        yield _concept(concept, tuple(dict.fromkeys(parents[concept["code"]])))


def _nested(concepts: Iterable[Any], parent: str | None) -> Iterator[tuple[Any, str | None]]:
    for concept in concepts:
        yield concept, parent
        yield from _nested(concept.get("concept", ()), concept["code"])


def _concept(concept: Mapping[str, Any], parents: tuple[str, ...]) -> Concept:
    values: dict[str, tuple[str, ...]] = {}
    for each in concept.get("property", ()):
        values[each["code"]] = (*values.get(each["code"], ()), *_texts(each))
    names = tuple(each["value"] for each in concept.get("designation", ()) if "value" in each)
    return Concept(concept["code"], concept.get("display"), parents, values or _NO_PROPERTIES, names)


_NO_PROPERTIES: Final[Mapping[str, tuple[str, ...]]] = {}


def _property(concept: Mapping[str, Any], name: str) -> list[str]:
    return [text for each in concept.get("property", ()) if each.get("code") == name for text in _texts(each)]


def _texts(value: Mapping[str, Any]) -> list[str]:
    """Return the value of a property as text: a Coding's code, ``true``, a number as written."""
    found = next((member for name, member in value.items() if name.startswith("value")), None)
    if isinstance(found, Mapping):
        found = found.get("code")
    if isinstance(found, bool):
        return [str(found).lower()]
    return [] if found is None else [str(found)]
