"""``CodeSystem/$lookup``: what is known of a concept.

Spec: https://hl7.org/fhir/R4/codesystem-operation-lookup.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from fhir_api.interactions.context import Context
from fhir_api.interactions.library import TenantLibrary
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.operations.operation import Answer, Call
from fhir_api.operations.terms import Coded, coded, refuse_others, settle
from fhir_api.terminology import Terminology
from fhir_api.terminology.code_system import CodeSystem, Concept

_MEMBERS = {"code": "valueCode", "string": "valueString", "dateTime": "valueDateTime"}
"""How the value of a property is given, by its type in the code system; any other as text."""


async def lookup(context: Context, call: Call) -> Answer:
    """Answer ``$lookup``.

    Raises:
        FhirError: NOT_FOUND where the code is not known.
    """
    refuse_others(call, "code", "system", "version", "coding", "property")
    (asked,) = coded(call, call.arguments.value("system"), call.arguments.value("version"))
    if asked.system is None:
        raise refuse(ErrorKind.MALFORMED, "A code needs its system.", code="required")
    properties = frozenset(str(argument.value) for argument in call.arguments.all("property"))
    found = await settle(context, lambda library: [*_found(library, asked, properties)])
    return Answer(orjson.dumps({"resourceType": "Parameters", "parameter": found}))


def _found(library: TenantLibrary, asked: Coded, properties: frozenset[str]) -> Iterator[dict[str, Any]]:
    canonical = f"{asked.system}|{asked.version}" if asked.version else str(asked.system)
    known = library.made(Terminology).code_system(canonical)
    concept = known.concept(asked.code)
    if concept is None:
        raise refuse(ErrorKind.NOT_FOUND, "The code is not known in its code system.")
    definition = library.find("CodeSystem", canonical) or {}
    yield {"name": "name", "valueString": definition.get("title") or definition.get("name") or str(asked.system)}
    if known.version is not None:
        yield {"name": "version", "valueString": known.version}
    yield {"name": "display", "valueString": concept.display or concept.code}
    for designation in concept.designations:
        yield {"name": "designation", "part": [{"name": "value", "valueString": designation}]}
    types = {each.get("code"): each.get("type") for each in definition.get("property", ())}
    for code, member, value in _properties(known, concept, types):
        if not properties or code in properties:
            yield {"name": "property", "part": [{"name": "code", "valueCode": code}, {"name": "value", member: value}]}


def _properties(known: CodeSystem, concept: Concept, types: dict[str, str]) -> Iterator[tuple[str, str, str | bool]]:
    """Yield code, member and value of each property."""
    for parent in concept.parents:
        yield "parent", "valueCode", parent
    for child in known.children.get(concept.code, ()):
        yield "child", "valueCode", child
    yield "inactive", "valueBoolean", known.is_inactive(concept)
    for code, values in concept.properties.items():
        if code not in ("parent", "child", "inactive"):
            for value in values:
                if types.get(code) == "boolean":
                    yield code, "valueBoolean", value == "true"
                else:
                    yield code, _MEMBERS.get(types.get(code, ""), "valueString"), value
