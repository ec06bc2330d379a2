"""What a search finds, by brute force: each resource is looked at with the published expressions.

Nothing of ``fhir_api.search`` is used: an error there cannot hide here.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import NamedTuple

from conformance.compartments import compartments
from conformance.search_parameters import SearchParameterDefinition
from conformance.types import resource_types
from fhir_api.fhirpath import Item
from tests.support.oracle import dates, numbers, others, tokens
from tests.support.oracle.definitions import Tree, below, by_url, elements, parameters
from tests.support.oracle.texts import parts, plain

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
PARENTS = ("partof", "part-of")
NO_VALUES = {"reference": {"Attachment"}, "date": {"string"}}
"""What the expressions of some parameters find though a parameter of that type cannot look at it."""


class Question(NamedTuple):
    """A search: the types (empty for all), names with values, and the compartment it is within (``Patient/1``)."""

    types: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    compartment: str = ""

    def __repr__(self) -> str:
        return f"{self.compartment}/{','.join(self.types)}?" + "&".join(f"{name}={value}" for name, value in self.pairs)


def _is_value(definition: SearchParameterDefinition, item: Item) -> bool:
    """Tell whether a parameter can look at an element that its expression finds."""
    if definition.type == "reference" and item.type in resource_types():
        return item.type in definition.target
    return item.type not in NO_VALUES.get(definition.type, ())


class Oracle:
    """Knows the resources, ``Type/id`` each, and answers by looking at all of them."""

    def __init__(self, resources: Iterable[Tree], zone: tzinfo) -> None:
        self.resources = {f"{resource['resourceType']}/{resource['id']}": resource for resource in resources}
        self._zone = zone
        self._found: dict[tuple[str, str], list[Item]] = {}

    def answer(self, question: Question) -> set[str]:
        """Return ``Type/id`` of all that a search finds."""
        return {
            key
            for key, resource in self.resources.items()
            if (not question.types or resource["resourceType"] in question.types)
            and all(self.holds(key, name, value) for name, value in question.pairs)
            and (not question.compartment or self.is_inside(key, question.compartment, len(question.types)))
        }

    def found(self, key: str, code: str) -> list[Item]:
        """Return what a parameter's expression finds in a resource."""
        known = self._found.get((key, code))
        if known is None:
            resource = self.resources[key]
            expression = parameters(resource["resourceType"])[code].expression or ""
            definition = parameters(resource["resourceType"])[code]
            found = elements(resource, expression)
            known = self._found[key, code] = [item for item in found if _is_value(definition, item)]
        return known

    def inside(self, key: str, base: Item, expression: str) -> list[Item]:
        """Return what a component of a composite finds in an element of a resource."""
        return below(self.resources[key], base, expression)

    def holds(self, key: str, name: str, value: str) -> bool:
        """Tell whether a resource is what ``name=value`` asks for."""
        if name.startswith("_has:"):
            return self._has(key, name, value)
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        if dot:
            return self._chain(key, code, modifier, rest, value)
        if code == "_id":
            return key.partition("/")[2] in parts(value, ",")
        if code == "_list":
            wanted = [f"List/{each}" for each in parts(value, ",")]
            return any(self._points(each, "item", key) for each in wanted if each in self.resources)
        definition = parameters(key.partition("/")[0]).get(code)
        if definition is None:
            return False
        if modifier == "missing":
            return (not any(item.value is not None for item in self.found(key, code))) is (value == "true")
        wanted_any = any(self._has_value(key, definition, modifier, text) for text in parts(value, ","))
        return wanted_any is not (modifier in {"not", "not-in"})

    def _has(self, key: str, name: str, value: str) -> bool:
        _, source_type, code, rest = name.split(":", 3)
        return any(
            source.startswith(f"{source_type}/") and self._points(source, code, key) and self.holds(source, rest, value)
            for source in self.resources
        )

    def _points(self, source: str, code: str, key: str) -> bool:
        return any(item.type == "Reference" and others.target(item) == key for item in self.found(source, code))

    def _chain(self, key: str, code: str, only: str, rest: str, value: str) -> bool:
        if code not in parameters(key.partition("/")[0]):
            return False
        targets = [others.target(item) or "" for item in self.found(key, code) if item.type == "Reference"]
        return any(
            target in self.resources and only in {"", target.partition("/")[0]} and self.holds(target, rest, value)
            for target in targets
        )

    def is_inside(self, key: str, compartment: str, searched_types: int) -> bool:
        """Tell whether a resource is in a compartment, the centre itself only in a search of its own type."""
        resource_type = key.partition("/")[0]
        members = compartments()[compartment.partition("/")[0]].get(resource_type, ())
        if key == compartment and "{def}" in members and searched_types == 1:
            return True
        codes = [code for code in members if code in parameters(resource_type)]
        return any(self._points(key, code, compartment) for code in codes)

    def _has_value(self, key: str, definition: SearchParameterDefinition, modifier: str, text: str) -> bool:
        if definition.type == "composite":
            return self._has_composite(key, definition, text)
        if definition.type == "reference" and modifier in {"above", "below"}:
            reached = self._hierarchy(text, modifier)
            return any(others.target(item) in reached for item in self.found(key, definition.code))
        resource_type = key.partition("/")[0]
        return any(
            self.fits(item, resource_type, definition, modifier, text)
            for item in self.found(key, definition.code)
            if item.value is not None
        )

    def fits(
        self, item: Item, resource_type: str, definition: SearchParameterDefinition, modifier: str, text: str
    ) -> bool:
        """Tell whether one element is what a value of a parameter asks for."""
        prefix, rest = (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)
        match definition.type:
            case "date":
                return dates.holds(item, prefix, plain(rest), self._zone)
            case "number":
                return numbers.holds_number(item, prefix, rest)
            case "quantity":
                return numbers.holds_quantity(item, prefix, rest)
            case "string":
                return others.is_string(item, modifier, text, definition.code)
            case "uri":
                return others.is_uri(item, modifier, text)
            case "reference":
                return others.is_reference(item, modifier, text)
            case "special":
                return others.is_near(item, text)
            case _ if modifier == "of-type":
                return tokens.is_of_type(item, text)
            case _ if modifier == "text":
                return tokens.has_text(item, text)
            case _ if modifier in {"in", "not-in", "above", "below"}:
                return tokens.is_among(item, modifier, text)
            case _:
                return tokens.holds(item, text, tokens.IMPLIED.get((resource_type, definition.code)))

    def _has_composite(self, key: str, definition: SearchParameterDefinition, text: str) -> bool:
        resource = self.resources[key]
        wanted = list(zip(definition.components, parts(text, "$"), strict=True))
        return any(
            all(
                any(
                    self.fits(item, resource["resourceType"], by_url(component.url), "", part)
                    for item in below(resource, base, component.expression)
                )
                for component, part in wanted
            )
            for base in elements(resource, definition.expression or "")
        )

    def _hierarchy(self, text: str, direction: str) -> set[str]:
        """Return a resource with all that are above or below it."""
        reached: set[str] = set()
        waiting = [plain(text)]
        while waiting:
            each = waiting.pop()
            if each not in reached:
                reached.add(each)
                waiting += self._beside(each, direction)
        return reached

    def _beside(self, key: str, direction: str) -> list[str]:
        kind = key.partition("/")[0]
        codes = [code for code in PARENTS if code in parameters(kind)]
        if direction == "above":
            items = [item for code in codes if key in self.resources for item in self.found(key, code)]
            return [others.target(item) or "" for item in items]
        same = [other for other in self.resources if other.startswith(f"{kind}/")]
        return [other for other in same for code in codes if self._points(other, code, key)]
