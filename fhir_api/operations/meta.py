"""``$meta``, ``$meta-add``, ``$meta-delete``: profiles, tags and security labels.

A change of them is a version like any other: it gets its place in the history and in the change log. Adding what is
there, or deleting what is not, changes nothing and makes no version.

Spec: https://hl7.org/fhir/R4/resource-operation-meta.html, https://hl7.org/fhir/R4/resource-operation-meta-add.html,
https://hl7.org/fhir/R4/resource-operation-meta-delete.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from fhir_api.interactions.context import Context
from fhir_api.interactions.preparing import prepare
from fhir_api.interactions.read import read
from fhir_api.interactions.retrying import retried
from fhir_api.interactions.vread import vread
from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.model.resource import parse_compact
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.operations.operation import Answer, Call, Level
from fhir_api.search.query import Parameter
from fhir_api.store.collisions import CollisionError

Meta = dict[str, Any]

_SUMMARIES = {"_profile": "profile", "_security": "security", "_tag": "tag"}
"""Search parameters, and the elements of Meta whose values they find."""
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


async def meta(context: Context, call: Call) -> Answer:
    """Answer ``$meta``: of a resource or a version of it what it has; of a type or of all what is in use."""
    if call.level is not Level.INSTANCE:
        types = [call.resource_type] if call.resource_type else sorted(context.rules.search.resource_types)
        return _returned(await _in_use(context, types))
    if call.version_id:
        return _returned(_meta(await vread(context.store, call.key, call.version_id)))
    return _returned(_meta(await read(context.store, call.key)))


async def meta_add(context: Context, call: Call) -> Answer:
    """Answer ``$meta-add``; what is there already is not added again."""
    return await _changed(context, call, _with)


async def meta_delete(context: Context, call: Call) -> Answer:
    """Answer ``$meta-delete``; what is not there is no error."""
    return await _changed(context, call, _without)


async def _in_use(context: Context, resource_types: list[str]) -> Meta:
    elements: dict[int, str] = {}
    parameters: list[Parameter] = []
    for resource_type in resource_types:
        known = context.rules.search.parameters(resource_type)
        for code, element in _SUMMARIES.items():
            elements[known[code].key] = element
            parameters.append(known[code])
    found: dict[str, set[tuple[str, str]]] = {}
    for value in await context.store.values_in_use(parameters):
        found.setdefault(elements[value.parameter], set()).add((value.system or "", value.code))
    return {element: [_shown(element, *value) for value in sorted(values)] for element, values in found.items()}


def _shown(element: str, system: str, code: str) -> str | dict[str, str]:
    if element == "profile":
        return code
    return {"system": system, "code": code} if system else {"code": code}


async def _changed(context: Context, call: Call, change: Callable[[Meta, Meta], Meta]) -> Answer:
    asked = call.arguments.value("meta")

    async def attempt() -> Answer:
        current = await read(context.store, call.key)
        before = orjson.loads(current.body)["meta"]
        after = change(before, asked)
        if after == before:
            return _returned(_meta(current))
        members = {name: bytes(value) for name, value in _MEMBERS.decode(current.body).items()}
        members["meta"] = orjson.dumps(after)
        text = b",".join(b"%b:%b" % (orjson.dumps(name), value) for name, value in members.items())
        resource = parse_compact(b"{%b}" % text)
        write = await prepare(context, resource, call.key, Change.UPDATE, expected=current.version_id)
        try:
            (stored,) = await context.store.write([write])
        except FhirError as error:
            if error.kind is ErrorKind.PRECONDITION_FAILED:
                raise CollisionError from error
            raise
        return _returned(_meta(stored))

    return await retried(attempt)


def _with(before: Meta, asked: Meta) -> Meta:
    after = dict(before)
    for element in _SUMMARIES.values():
        known = {_identity(value) for value in before.get(element, ())}
        new = {_identity(value): value for value in reversed(asked.get(element, ())) if _identity(value) not in known}
        if new:
            after[element] = [*before.get(element, ()), *reversed(new.values())]
    return after


def _without(before: Meta, asked: Meta) -> Meta:
    after = dict(before)
    for element in _SUMMARIES.values():
        leaving = {_identity(value) for value in asked.get(element, ())}
        kept = [value for value in before.get(element, ()) if _identity(value) not in leaving]
        if kept:
            after[element] = kept
        else:
            after.pop(element, None)
    return after


def _identity(value: str | Meta) -> object:
    """Return what makes a profile, or a tag or label, the same: its URL, or its system and code."""
    return (value.get("system"), value.get("code")) if isinstance(value, dict) else value


def _meta(version: StoredVersion) -> Meta:
    found: Meta = orjson.loads(version.resource())["meta"]
    return found


def _returned(found: Meta) -> Answer:
    if not found:
        # FHIR has no empty objects: where nothing is in use there is no Meta to return
        return Answer(b'{"resourceType":"Parameters"}')
    parameter = {"name": "return", "valueMeta": found}
    return Answer(orjson.dumps({"resourceType": "Parameters", "parameter": [parameter]}))
