"""ValueSets to their codes, as far as the package has the code systems.

Spec: https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from conformance.build.package import Definition, Package
from conformance.value_sets import ValueSetCodes

Codes = dict[str, list[str]]
"""Code systems, each with its codes in the order of the definition."""


class OpenValueSet(Exception):  # noqa: N818 - says what the value set is; it is no error
    """The codes of a value set cannot be listed."""


class Terminology:
    """The value sets and code systems of a package."""

    def __init__(self, package: Package) -> None:
        self._value_sets = {row["url"]: row for row in package.of_type("ValueSet")}
        self._code_systems = {row["url"]: row for row in package.of_type("CodeSystem")}

    def codes(self, value_set: str) -> ValueSetCodes:
        """Return the expansion of *value_set*, or why it has none."""
        try:
            expanded = self._expand(value_set)
        except OpenValueSet as reason:
            return ValueSetCodes(url=value_set, open_because=str(reason))
        return ValueSetCodes(url=value_set, systems={system: tuple(codes) for system, codes in expanded.items()})

    def _expand(self, value_set: str) -> Codes:
        definition = self._value_sets.get(value_set.split("|")[0])
        if definition is None:
            raise OpenValueSet(f"{value_set} is not in the package")
        compose = definition.get("compose", {})
        expanded: Codes = {}
        for include in compose.get("include", ()):
            for system, codes in self._component(include).items():
                known = expanded.setdefault(system, [])
                known.extend(code for code in codes if code not in known)
        for exclude in compose.get("exclude", ()):
            for system, codes in self._component(exclude).items():
                expanded[system] = [code for code in expanded.get(system, ()) if code not in codes]
        return expanded

    def _component(self, component: dict[str, Any]) -> Codes:
        """Return the codes of one include or exclude: those of its system that all its value sets have."""
        parts = [self._expand(value_set) for value_set in component.get("valueSet", ())]
        if "system" in component:
            parts.insert(0, {component["system"]: self._of_system(component)})
        first, *others = parts
        return {
            system: [code for code in codes if all(code in other.get(system, ()) for other in others)]
            for system, codes in first.items()
        }

    def _of_system(self, component: dict[str, Any]) -> list[str]:
        if "concept" in component:
            return [concept["code"] for concept in component["concept"]]
        system = component["system"]
        definition = self._code_systems.get(system)
        if definition is None or definition["content"] != "complete":
            raise OpenValueSet(f"the package does not list the codes of {system}")
        concepts = {code: parents for code, parents in _concepts(definition.get("concept", ()), frozenset())}
        codes = list(concepts)
        for condition in component.get("filter", ()):
            codes = [code for code in codes if _passes(condition, code, concepts[code])]
        return codes


def _concepts(concepts: Iterable[Definition], above: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each code with all codes above it."""
    for concept in concepts:
        code = concept["code"]
        stated = {each["valueCode"] for each in concept.get("property", ()) if each["code"] == "subsumedBy"}
        parents = above | stated
        yield code, parents
        yield from _concepts(concept.get("concept", ()), parents | {code})


def _passes(condition: dict[str, Any], code: str, above: frozenset[str]) -> bool:
    match condition["op"], condition["value"]:
        case "is-a", ancestor:
            return code == ancestor or ancestor in above
        case "descendent-of", ancestor:
            return ancestor in above
        case "is-not-a", ancestor:
            return code != ancestor and ancestor not in above
    raise OpenValueSet(f"its filter {condition['property']} {condition['op']} is not one of the hierarchy")
