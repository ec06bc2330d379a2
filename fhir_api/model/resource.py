"""A resource as text and as tree, and the one layout in which bodies are stored.

The text is never written anew from the tree: decimals keep their digits (``72.50``), because bytes are cut and joined.

Spec: https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.outcome import Issue, Location

_TOP_LEVEL = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_TYPE_NAME = re.compile(r"[A-Z][A-Za-z]{0,63}")
_STAMPS = frozenset({"versionId", "_versionId", "lastUpdated", "_lastUpdated"})
MAX_DEPTH = 100
"""How deep JSON may nest; real resources stay below 30."""


@dataclass(slots=True)
class Resource:
    """One resource as it arrived.

    Attributes:
        resource_type: from ``resourceType``.
        tree: parsed JSON (floats for decimals: good for checking and indexing, never written back).
        text: compact JSON with every number as the client wrote it.
    """

    resource_type: str
    tree: dict[str, Any]
    text: bytes

    @property
    def logical_id(self) -> str | None:
        """The id inside the resource, if it is there and is text."""
        logical_id = self.tree.get("id")
        return logical_id if isinstance(logical_id, str) else None


def parse(raw: bytes) -> Resource:
    """Read the JSON of one resource.

    Raises:
        FhirError: MALFORMED, with line and column, for text that is not JSON, has a key twice, nests too deep, or is
            not an object with a ``resourceType``.
    """
    return _resource(parse_json(raw), compact(raw))


def parse_compact(text: bytes) -> Resource:
    """Read the JSON of one resource that :func:`compact` has given.

    Raises:
        FhirError: as :func:`parse`.
    """
    return _resource(parse_json(text), text)


def _resource(tree: Any, text: bytes) -> Resource:
    if not isinstance(tree, dict):
        raise refuse(ErrorKind.MALFORMED, f"Expected a resource (a JSON object), found {_json_kind(tree)}.")
    resource_type = tree.get("resourceType")
    if not isinstance(resource_type, str) or not _TYPE_NAME.fullmatch(resource_type):
        raise refuse(ErrorKind.MALFORMED, "The resource has no 'resourceType', or it is not a type's name.")
    return Resource(resource_type, tree, text)


def parse_json(raw: bytes) -> Any:
    """Read JSON strictly: RFC 8259 in UTF-8, no key twice, no more than ``MAX_DEPTH`` levels.

    Raises:
        FhirError: MALFORMED.
    """
    try:
        tree = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _no_json(error) from None
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _depth_exceeded(raw):
        raise refuse(ErrorKind.MALFORMED, f"The body nests deeper than {MAX_DEPTH} levels.")
    # A parser drops all but the last of equal keys; each dropped key takes a colon with it.
    # A colon written as an escape (\\u003a) would make up for one.
    if raw.count(b":") != orjson.dumps(tree).count(b":") or b"\\u003" in raw:
        _refuse_duplicate_keys(raw)
    return tree


def compact(raw: bytes) -> bytes:
    """Return JSON without insignificant white space; strings and numbers stay as written.

    Only the needless escape of a slash is undone, so that a URL is found as what it is.

    Raises:
        FhirError: MALFORMED, as :func:`parse_json`.
    """
    try:
        text = bytes(msgspec.json.format(raw, indent=-1))
    except (msgspec.DecodeError, RecursionError):
        parse_json(raw)
        raise refuse(ErrorKind.MALFORMED, "The body is not JSON.") from None
    if b"\\/" in text:
        return _ESCAPE.sub(lambda escape: b"/" if escape[1] == b"/" else escape[0], text)
    return text


def body(resource: Resource, key: ResourceKey) -> bytes:
    """Return the text to store for *resource* under *key*.

    The layout is ``{"resourceType":…,"id":…,"meta":{…},…}`` with ``meta.versionId`` and ``meta.lastUpdated`` taken out
    (see :mod:`fhir_api.model.versions`).
    """
    resource_type, logical_id = key
    kept, rest = _usual_parts(resource) or _parts(resource)
    return b'{"resourceType":"%b","id":"%b","meta":{%b}%b' % (resource_type.encode(), logical_id.encode(), kept, rest)


def _usual_parts(resource: Resource) -> tuple[bytes, bytes] | None:
    """Return what :func:`_parts` does by cutting the text, for the layouts that nearly every client sends.

    That is: type, id, meta if there is any, all the rest; or meta last. In another layout, None.
    """
    text, tree = resource.text, resource.tree
    own_id = f',"id":"{resource.logical_id}"' if "id" in tree else ""
    head = f'{{"resourceType":"{resource.resource_type}"{own_id}'.encode()
    if not text.startswith(head):
        return None
    if "meta" not in tree:
        return b"", text[len(head) :]
    if not _STAMPS.isdisjoint(tree["meta"]):
        return None
    meta = b',"meta":%b' % orjson.dumps(tree["meta"])
    if text.startswith(meta, len(head)):
        return meta[9:-1], text[len(head) + len(meta) :]
    if text.endswith(b"%b}" % meta):
        return meta[9:-1], text[len(head) : -len(meta) - 1] + b"}"
    return None


def _parts(resource: Resource) -> tuple[bytes, bytes]:
    """Return the members of ``meta`` that are kept, and what follows ``meta``: the other members and the last brace."""
    members = _TOP_LEVEL.decode(resource.text)
    members.pop("resourceType", None)
    members.pop("id", None)
    kept = _kept_meta(members.pop("meta", None))
    return kept, b"".join([b",%b:%b" % (_quoted(name), bytes(value)) for name, value in members.items()]) + b"}"


def _kept_meta(meta: msgspec.Raw | None) -> bytes:
    if meta is None:
        return b""
    try:
        members = _TOP_LEVEL.decode(meta)
    except msgspec.ValidationError:
        raise refuse(ErrorKind.INVALID, "Expected an object.", code="structure", expression="Resource.meta") from None
    for name in _STAMPS:
        members.pop(name, None)
    return b",".join([b"%b:%b" % (_quoted(name), bytes(value)) for name, value in members.items()])


def _quoted(name: str) -> bytes:
    return b'"%b"' % name.encode() if name.isidentifier() else orjson.dumps(name)


def _no_json(error: orjson.JSONDecodeError) -> FhirError:
    reason = f"{error.msg.split(':')[0]} (line {error.lineno}, column {error.colno})"
    location = Location(error.lineno, error.colno)
    issue = Issue("error", "structure", f"The body is not JSON: {reason}.", location=location)
    return FhirError(ErrorKind.MALFORMED, issue)


def _json_kind(tree: object) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(tree), "null")


def _depth_exceeded(raw: bytes) -> bool:
    # Indented, a line begins with a space for each level, and strings have no line ends: hardly any text is counted.
    try:
        if b"\n" + b" " * MAX_DEPTH not in msgspec.json.format(raw, indent=1):
            return False
    except RecursionError:
        return True
    depth = 0
    for mark in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', raw):
        sign = mark.group()[:1]
        if sign in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif sign in b"]}":
            depth -= 1
    return False


def _refuse_duplicate_keys(raw: bytes) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for name, value in pairs:
            if name in members:
                raise refuse(ErrorKind.MALFORMED, f"The JSON property '{name[:64]}' stands twice in one object.")
            members[name] = value
        return members

    json.loads(raw, object_pairs_hook=unique)
