"""A CodeSystem in itself: content as declared, properties as defined.

That codes are unique is an invariant (csd-1).

Spec: https://hl7.org/fhir/R4/codesystem.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.coded import codes
from fhir_api.validation.rules.elements import value_of
from fhir_api.validation.rules.place import Place, Tree, items

_PROPERTIES: Final = "http://hl7.org/fhir/concept-properties#"
_STANDARD: Final = {
    "inactive": "boolean",
    "deprecated": "dateTime",
    "notSelectable": "boolean",
    "parent": "code",
    "child": "code",
    "status": "code",
    "deprecationDate": "dateTime",
    "retirementDate": "dateTime",
    "comment": "string",
    "synonym": "code",
}
"""The types of the properties that have a URI of their own (R4 codesystem.html#defined-props)."""


def code_system(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check a CodeSystem."""
    yield from _content(resource, place)
    yield from _properties(resource, place)
    defined = {each.get("code"): each for each in resource.get("property", ())}
    known = codes(resource.get("concept", ())) if resource.get("content") == "complete" else None
    yield from _concepts(resource, place, defined, known)


def _content(resource: Tree, place: Place) -> Iterator[Issue]:
    content, has_concepts = resource.get("content"), "concept" in resource
    if content == "not-present" and has_concepts:
        yield place.error("invalid", "The content is 'not-present', but there are concepts.", "content")
    if content == "complete" and not has_concepts:
        yield place.warning("invalid", "The content is 'complete', but there are no concepts.", "content")
    if "supplements" in resource and content != "supplement":
        yield place.error("invalid", "A supplement has to have the content 'supplement'.", "content")
    if content == "supplement" and "supplements" not in resource:
        yield place.error("required", "'supplements' is missing: which code system is it that this one supplements?")
    number = len(codes(resource.get("concept", ())))
    if content == "complete" and resource.get("count", number) != number:
        yield place.warning("invalid", f"The count is not the number of concepts, {number}.", "count")


def _properties(resource: Tree, place: Place) -> Iterator[Issue]:
    seen: set[str] = set()
    for each, at in items(resource, "property", place):
        code, uri, kind = each.get("code", ""), each.get("uri", ""), each.get("type")
        for name, text in (("code", code), ("uri", uri)):
            if text and text in seen:
                yield at.error("duplicate", f"Another property has the same {name}.", name)
            seen.add(text)
        standard = uri.removeprefix(_PROPERTIES)
        if uri.startswith(_PROPERTIES) and standard in _STANDARD:
            if kind != _STANDARD[standard]:
                yield at.error("invalid", f"Found type {kind}, expected {_STANDARD[standard]} for this URI.", "type")
            if code != standard:
                yield at.warning("invalid", f"The property with this URI is usually called '{standard}'.", "code")
        elif not uri and kind != _STANDARD.get(code, kind):
            yield at.warning("invalid", f"Found type {kind}; '{code}' is usually {_STANDARD[code]}.", "type")


def _concepts(parent: Tree, place: Place, defined: Mapping[Any, Tree], known: set[str] | None) -> Iterator[Issue]:
    for concept, at in items(parent, "concept", place):
        for each, property_at in items(concept, "property", at):
            definition = defined.get(each.get("code"))
            if definition is None:
                yield property_at.warning("invalid", "The code system defines no property with this code.", "code")
            else:
                yield from _value(each, definition, property_at, known)
        yield from _concepts(concept, at, defined, known)


def _value(each: Tree, definition: Tree, at: Place, known: set[str] | None) -> Iterator[Issue]:
    found = value_of(each)
    if found is None:
        return
    kind, value = found
    if kind != definition.get("type"):
        yield at.error("invalid", f"Found a value of type {kind}, the property is {definition.get('type')}.", "value")
    elif kind == "code" and known is not None and value not in known:
        yield at.warning("code-invalid", "The code system has no such code.", "value")
