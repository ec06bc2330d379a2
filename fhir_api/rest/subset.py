"""Parts of resources: ``_summary`` and ``_elements``. Only here is a stored body taken apart, as far as needed.

Spec: https://hl7.org/fhir/R4/search.html#summary, https://hl7.org/fhir/R4/search.html#elements
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

import msgspec

from conformance.types import Element, node
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.rest.request import Pair

Shape = Mapping[str, "Shape | None"]
"""Properties that stay; None keeps the value as it is, a shape cuts it down further."""
Show = Callable[[str, bytes], bytes]
"""Gives the JSON of a resource, of which type and whole JSON are known, as the client wants to see it."""

SUMMARIES = ("true", "text", "data", "false")
"""What ``_summary`` can be where one resource or a history is read (a search has ``count`` too)."""
_SUBSETTED = b'{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}'
_ALWAYS = ("resourceType", "id", "meta", "implicitRules", "modifierExtension")
_KEPT_INSIDE = ("id", "extension", "modifierExtension")
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


def show_by(query: Iterable[Pair]) -> Show:
    """Return what ``_summary`` and ``_elements`` of a request that reads one resource or a history ask for.

    Raises:
        FhirError: MALFORMED for an unknown ``_summary``.
    """
    summary: str | None = None
    elements: tuple[str, ...] = ()
    for name, value in query:
        if name == "_summary":
            if value not in SUMMARIES:
                raise refuse(ErrorKind.MALFORMED, f"_summary is one of {', '.join(SUMMARIES)}.", code="value")
            summary = value
        elif name == "_elements":
            elements += tuple(element.strip() for element in value.split(",") if element.strip())
    return show(summary, elements)


def show(summary: str | None, elements: tuple[str, ...]) -> Show:
    """Return how resources are shown; ``_elements`` goes before ``_summary``."""
    if elements:
        return lambda resource_type, resource: _cut(resource, _element_shape(resource_type, elements))
    if summary == "true":
        return lambda resource_type, resource: _cut(resource, _summary_shape(resource_type))
    if summary == "text":
        return lambda resource_type, resource: _cut(resource, _element_shape(resource_type, ("text",)))
    if summary == "data":
        return _without_text
    return whole


def whole(_resource_type: str, resource: bytes) -> bytes:
    """Show a resource as it is."""
    return resource


@cache
def _mandatory(resource_type: str) -> frozenset[str]:
    return frozenset(name for element in node(resource_type).elements if element.min for name in _properties(element))


def _element_shape(resource_type: str, elements: tuple[str, ...]) -> Shape:
    # "Patient.name" is taken as "name"; a choice is asked for without its type: "value".
    wanted = {element.removeprefix(f"{resource_type}.").removesuffix("[x]") for element in elements}
    names = [name for each in node(resource_type).elements if each.name in wanted for name in _properties(each)]
    return dict.fromkeys((*_ALWAYS, *_mandatory(resource_type), *names, *wanted))


@cache
def _summary_shape(resource_type: str) -> Shape:
    return {**dict.fromkeys(_ALWAYS), **_summary_members(resource_type, frozenset())}


def _summary_members(name: str, above: frozenset[str]) -> Shape:
    shape: dict[str, Shape | None] = {}
    for element in node(name).elements:
        if element.is_summary:
            for property_name, kind in element.json_names().items():
                shape[property_name] = _summary_inside(kind.code, above | {name})
                shape[f"_{property_name}"] = None
    return shape


def _summary_inside(code: str, above: frozenset[str]) -> Shape | None:
    """Return the shape of a value of type *code*; None where all of it belongs to the summary."""
    kind = node(code)
    if kind.kind not in ("backbone", "complex-type") or code in above:
        return None
    cut = any(not element.is_summary and element.name not in _KEPT_INSIDE for element in kind.elements)
    inside = _summary_members(code, above)
    if not cut and not any(inside.values()):
        return None
    return {**dict.fromkeys(_KEPT_INSIDE), **inside}


def _properties(element: Element) -> list[str]:
    return [spelling for name in element.json_names() for spelling in (name, f"_{name}")]


def _cut(resource: bytes, shape: Shape) -> bytes:
    members = _MEMBERS.decode(resource)
    return _object({name: _reduced(members[name], shape[name]) for name in members if name in shape}, mark=True)


def _without_text(_resource_type: str, resource: bytes) -> bytes:
    members = _MEMBERS.decode(resource)
    members.pop("text", None)
    return _object({name: bytes(value) for name, value in members.items()}, mark=True)


def _reduced(value: msgspec.Raw, shape: Shape | None) -> bytes:
    raw = bytes(value)
    if shape is None:
        return raw
    if raw[:1] == b"[":
        return b"[%b]" % b",".join(_reduced(item, shape) for item in _ITEMS.decode(value))
    if raw[:1] != b"{":
        return raw
    members = _MEMBERS.decode(value)
    return _object({name: _reduced(members[name], shape[name]) for name in members if name in shape}, mark=False)


def _object(members: dict[str, bytes], *, mark: bool) -> bytes:
    if mark:
        members["meta"] = _marked(members.get("meta", b"{}"))
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), value) for name, value in members.items())


def _marked(meta: bytes) -> bytes:
    """Return *meta* with the tag that tells a client not to write this resource back."""
    members = {name: bytes(value) for name, value in _MEMBERS.decode(meta).items()}
    tags = members.get("tag", b"[]")
    members["tag"] = b"%b%b%b]" % (tags[:-1], b"" if tags == b"[]" else b",", _SUBSETTED)
    return _object(members, mark=False)
