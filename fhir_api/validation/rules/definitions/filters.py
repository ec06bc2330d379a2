"""Filters of a ValueSet against the code system they are about.

Spec: https://hl7.org/fhir/R4/valueset-definitions.html#ValueSet.compose.include.filter,
https://hl7.org/fhir/R4/codesystem.html#filters
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import regex

from fhir_api.model.outcome import Issue
from fhir_api.packages.library import Definition
from fhir_api.validation.rules.coded import has_code
from fhir_api.validation.rules.place import Place, Tree, items

_HIERARCHY: Final = frozenset({"is-a", "descendent-of", "is-not-a", "generalizes"})
_EVERYWHERE: Final = frozenset(
    {
        "concept",
        "code",
        "display",
        "definition",
        "designation",
        "parent",
        "child",
        "inactive",
        "status",
        "notSelectable",
    }
)
_BOOLEANS: Final = frozenset({"true", "false"})


def filters(include: Tree, system: str, place: Place) -> Iterator[Issue]:
    """Check each filter of one ``include`` or ``exclude``."""
    definition = place.scene.library.find("CodeSystem", system)
    for each, at in items(include, "filter", place):
        property_, operator, value = each.get("property"), each.get("op"), each.get("value")
        if definition is not None and property_ is not None:
            yield from _allowed(definition, property_, operator, at)
        if isinstance(value, str):
            kind = None if definition is None else _type(definition, property_)
            yield from _value(system, operator, kind, value, at.at("value"))


def _allowed(definition: Definition, property_: str, operator: str | None, at: Place) -> Iterator[Issue]:
    defined = next((each for each in definition.get("filter", ()) if each.get("code") == property_), None)
    if defined is not None:
        if operator is not None and operator not in defined.get("operator", ()):
            allowed = ", ".join(map(str, defined.get("operator", ())))
            yield at.error("invalid", f"The code system allows {allowed or 'no operator'} for this filter.", "op")
    elif property_ not in _EVERYWHERE and _type(definition, property_) is None:
        yield at.warning("invalid", "The code system defines neither a filter nor a property of this name.", "property")


def _type(definition: Definition, property_: str | None) -> str | None:
    kinds = (each.get("type") for each in definition.get("property", ()) if each.get("code") == property_)
    return next(kinds, None)


def _value(system: str, operator: str | None, kind: str | None, value: str, at: Place) -> Iterator[Issue]:
    if operator in _HIERARCHY or (operator == "=" and kind == "code"):
        if has_code(system, value, at.scene) is False:
            yield at.error("code-invalid", "The code system has no such code.")
    elif operator == "exists" or (operator == "=" and kind == "boolean"):
        if value not in _BOOLEANS:
            yield at.error("value", "Found another text, expected true or false.")
    elif operator == "=" and kind == "Coding":
        yield from _coding(value, at)
    elif operator == "regex" and not _is_pattern(value):
        yield at.error("value", "The text is no regular expression.")


def _coding(value: str, at: Place) -> Iterator[Issue]:
    system, found, code = value.rpartition("#")
    if not found or ":" not in system:
        yield at.error("value", "The property is a Coding: expected its value as system#code or system|version#code.")
    elif has_code(system.partition("|")[0], code, at.scene) is False:
        yield at.error("code-invalid", "The code system has no such code.")


def _is_pattern(text: str) -> bool:
    try:
        regex.compile(text)
    except regex.error:
        return False
    return True
