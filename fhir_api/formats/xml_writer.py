"""JSON to XML, by one writer for each property of each type, made once from the definitions.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from itertools import zip_longest
from typing import Any, NamedTuple, NoReturn

from conformance.types import Element, node, nodes, resource_types
from fhir_api.formats.errors import ConversionError
from fhir_api.formats.narrative import xhtml_of
from fhir_api.formats.xml_rules import FHIR, NUMBER_TYPES
from fhir_api.model.errors import ErrorKind, refuse

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

Members = dict[str, Any]
"""A JSON object."""
WriteProperty = Callable[[Members], str]
"""Returns the XML of one property of an object, its companion ``_name`` and all its repeats with it."""
WriteValue = Callable[[Any], str]
"""Returns the XML element of one value."""


class _Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_no_constant)
_FOUND = {str: "a string", _Number: "a number", bool: "a boolean", dict: "an object", list: "an array"}


def to_xml(text: bytes) -> bytes:
    """Return a resource as XML: elements in the order of the definitions, numbers digit by digit as in *text*.

    Args:
        text: one resource as JSON that :func:`fhir_api.model.resource.parse` would accept.

    Raises:
        FhirError: MALFORMED for text that is no JSON object; INVALID, with its FHIRPath place, for what R4 does not
            define or XML cannot hold.
    """
    try:
        resource = _JSON.decode(text.decode())
    except (ValueError, RecursionError):
        raise refuse(ErrorKind.MALFORMED, "The resource is not JSON, or nests too deep.") from None
    if type(resource) is not dict:
        raise refuse(ErrorKind.MALFORMED, "Expected a resource (a JSON object).")
    try:
        return (_DECLARATION + _resource(resource, f' xmlns="{FHIR}"')).encode()
    except ConversionError as error:
        raise error.as_error(_type_name(resource)) from None
    except RecursionError:
        raise refuse(ErrorKind.MALFORMED, "The resource nests too deep.") from None


def _type_name(resource: Members) -> str:
    named = resource.get("resourceType")
    return named if named in resource_types() else "Resource"


def _resource(resource: Members, namespace: str = "") -> str:
    name = resource.get("resourceType")
    if type(name) is not str or name not in _concrete():
        raise ConversionError("Expected a 'resourceType' of R4", "resourceType")
    inner = _inner(_table(name).properties, resource)
    return f"<{name}{namespace}>{inner}</{name}>"


@cache
def _concrete() -> frozenset[str]:
    return frozenset(resource_types())


class _Table(NamedTuple):
    """How the objects of one node are written.

    Attributes:
        properties: for each JSON property its place in the order, and its writer.
        attributes: properties that are XML attributes.
    """

    properties: dict[str, tuple[int, WriteProperty]]
    attributes: tuple[str, ...]


@cache
def _table(node_name: str) -> _Table:
    definition = node(node_name)
    properties: dict[str, tuple[int, WriteProperty]] = {}
    if definition.kind == "resource":
        properties["resourceType"] = (-1, _nothing)
    for order, element in enumerate(definition.elements):
        if element.is_attribute:
            properties[element.name] = (-1, _nothing)
        else:
            properties.update({name: (order, write) for name, write in _writers(element).items()})
    return _Table(properties, tuple(element.name for element in definition.elements if element.is_attribute))


def _nothing(_members: Members) -> str:
    return ""


def _inner(properties: dict[str, tuple[int, WriteProperty]], members: Members) -> str:
    """Return the child elements of an object in the order of the definition."""
    pieces: list[tuple[int, str]] = []
    highest = -1
    in_order = True
    for name in members:
        known = properties.get(name)
        if known is None:
            raise ConversionError(f"Unknown element '{name[:64]}'", name[:64])
        order, write = known
        pieces.append((order, write(members)))
        if order < highest:
            in_order = False
        else:
            highest = order
    if not in_order:
        pieces.sort(key=_order)
    return "".join([piece for _, piece in pieces])


def _order(piece: tuple[int, str]) -> int:
    return piece[0]


def _writers(element: Element) -> dict[str, WriteProperty]:
    """Return the writer of each JSON property that *element* may be, companions with them."""
    writers: dict[str, WriteProperty] = {}
    for name, kind in element.json_names().items():
        if nodes()[kind.code].kind == "primitive-type" and kind.code != "xhtml":
            for_primitive = _repeated_primitive if element.max is None else _primitive
            write = for_primitive(name, element.name, kind.code)
            writers[name] = write
            writers[f"_{name}"] = _unless(name, write)
        else:
            for_object = _repeated if element.max is None else _single
            writers[name] = for_object(name, element.name, _value_writer(name, kind.code))
    return writers


def _unless(name: str, write: WriteProperty) -> WriteProperty:
    """Write a companion ``_name`` only where ``name`` is absent: else it is written with it."""
    return lambda members: "" if name in members else write(members)


def _single(name: str, place: str, write: WriteValue) -> WriteProperty:
    def write_single(members: Members) -> str:
        try:
            return write(members[name])
        except ConversionError as error:
            raise error.at(place) from None

    return write_single


def _repeated(name: str, place: str, write: WriteValue) -> WriteProperty:
    def write_repeated(members: Members) -> str:
        values = members[name]
        if type(values) is not list or not values:
            raise ConversionError(f"Expected an array with members, found {_found(values)}", place)
        written: list[str] = []
        try:
            for value in values:
                written.append(write(value))  # noqa: PERF401 - the number written so far is the place of an error
        except ConversionError as error:
            raise error.at(f"{place}[{len(written)}]") from None
        return "".join(written)

    return write_repeated


def _value_writer(name: str, node_name: str) -> WriteValue:
    if node_name == "xhtml":
        return _xhtml
    if node_name == "Resource":
        return lambda value: f"<{name}>{_resource(_object(value))}</{name}>"
    return lambda value: _complex(name, node_name, value)


def _object(value: Any) -> Members:
    if type(value) is not dict or not value:
        raise ConversionError(f"Expected an object with members, found {_found(value)}")
    return value


def _xhtml(value: Any) -> str:
    if type(value) is not str:
        raise ConversionError(f"Expected a string, found {_found(value)}")
    return xhtml_of(value)


def _complex(name: str, node_name: str, value: Any) -> str:
    members = _object(value)
    table = _table(node_name)
    attributes = ""
    for attribute in table.attributes:
        if attribute in members:
            attributes += f' {attribute}="{_string(members[attribute], attribute)}"'
    inner = _inner(table.properties, members)
    return f"<{name}{attributes}>{inner}</{name}>" if inner else f"<{name}{attributes}/>"


def _string(value: Any, name: str) -> str:
    if type(value) is not str:
        raise ConversionError(f"Expected a string, found {_found(value)}", name)
    try:
        return _escaped(value)
    except ConversionError as error:
        raise error.at(name) from None


def _primitive(name: str, place: str, code: str) -> WriteProperty:
    lexical = _lexical(code)
    companion_name = f"_{name}"

    def write_primitive(members: Members) -> str:
        try:
            if companion_name in members:
                value = lexical(members[name]) if name in members else None
                return _extended(name, code, value, members[companion_name])
            return f'<{name} value="{lexical(members[name])}"/>'
        except ConversionError as error:
            raise error.at(place) from None

    return write_primitive


def _repeated_primitive(name: str, place: str, code: str) -> WriteProperty:
    lexical = _lexical(code)
    companion_name = f"_{name}"

    def write_repeated_primitive(members: Members) -> str:
        arrays = [members[key] for key in (name, companion_name) if key in members]
        if not all(type(array) is list and array for array in arrays):
            raise ConversionError("Expected an array with members", place)
        if len(arrays) > 1 and len(arrays[0]) != len(arrays[1]):
            raise ConversionError(f"Expected '{name}' and '{companion_name}' to be of one length", place)
        values, companions = members.get(name, ()), members.get(companion_name, ())
        written: list[str] = []
        try:
            for value, companion in zip_longest(values, companions):
                text = None if value is None else lexical(value)
                written.append(_extended(name, code, text, companion))
        except ConversionError as error:
            raise error.at(f"{place}[{len(written)}]") from None
        return "".join(written)

    return write_repeated_primitive


def _extended(name: str, code: str, value: str | None, companion: Any) -> str:
    """Return a primitive with the id and extensions of its companion object."""
    text = "" if value is None else f' value="{value}"'
    if companion is None:
        if value is None:
            raise ConversionError("Expected a value or an extension, found null")
        return f"<{name}{text}/>"
    members = _object(companion)
    table = _table(code)
    identity = f' id="{_string(members["id"], "id")}"' if "id" in members else ""
    inner = _inner(table.properties, members)
    return f"<{name}{identity}{text}>{inner}</{name}>" if inner else f"<{name}{identity}{text}/>"


def _lexical(code: str) -> WriteValue:
    """Return what gives the text of a primitive's value, escaped for an attribute."""
    if code == "boolean":
        return _boolean
    return _number if code in NUMBER_TYPES else _text


def _boolean(value: Any) -> str:
    if type(value) is not bool:
        raise ConversionError(f"Expected a boolean, found {_found(value)}")
    return "true" if value else "false"


def _number(value: Any) -> str:
    if type(value) is not _Number:
        raise ConversionError(f"Expected a number, found {_found(value)}")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ConversionError(f"Expected a string, found {_found(value)}")
    return _escaped(value) if _is_unsafe(value) else value


def _found(value: Any) -> str:
    found = _FOUND.get(type(value), "null")
    return f"{found} without members" if value in ({}, []) else found


_ESCAPES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_UNSAFE = re.compile('[<>&"\x00-\x1f\ud800-\udfff\ufffe\uffff]')
_is_unsafe = _UNSAFE.search


def _escaped(text: str) -> str:
    """Return *text* for an attribute; white space is escaped, since a parser would make spaces of it."""
    return _UNSAFE.sub(_escape, text)


def _escape(character: re.Match[str]) -> str:
    try:
        return _ESCAPES[character.group()]
    except KeyError:
        raise ConversionError(f"XML has no character U+{ord(character.group()):04X}") from None
