"""``ValueSet/$expand``: the codes of a value set, listed.

Spec: https://hl7.org/fhir/R4/valueset-operation-expand.html
"""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import orjson

from fhir_api.interactions.context import Context
from fhir_api.interactions.library import TenantLibrary
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.versions import instant
from fhir_api.operations.operation import Answer, Call
from fhir_api.operations.terms import canonical_of, given_definition, refuse_others, settle, terminology_of, undecided
from fhir_api.packages.library import Definition
from fhir_api.terminology.expansion import ExpandedConcept

MOST = 10_000
"""Codes that one answer may have."""
_ALL = 10**9
_NOT_SHOWN = frozenset({"compose", "expansion", "text", "contained", "meta"})
_REPEATED = ("valueSetVersion", "filter", "activeOnly", "offset", "count", "excludeNested")


async def expand(context: Context, call: Call) -> Answer:
    """Answer ``$expand``: the ValueSet with its expansion.

    Raises:
        FhirError: NOT_FOUND for a value set that is not known, UNPROCESSABLE for one that cannot be listed, TOO_COSTLY
            for one that is too large and not asked for in parts.
    """
    refuse_others(call, "url", "valueSet", "includeDefinition", *_REPEATED)
    definition = await given_definition(context, call, "valueSet")
    canonical = canonical_of(call, definition, "valueSetVersion")
    offset, count = call.arguments.value("offset") or 0, call.arguments.value("count")
    if offset < 0 or (count is not None and count < 0):
        raise refuse(ErrorKind.MALFORMED, "'offset' and 'count' are whole numbers from 0.", code="value")
    found, shown = await settle(context, lambda library: _found(library, call, definition, canonical))
    if count is None and len(found) - offset > MOST:
        diagnostics = f"The value set has {len(found)} codes; ask for them in parts of {MOST}, by 'offset' and 'count'."
        raise refuse(ErrorKind.TOO_COSTLY, diagnostics)
    part = found[offset : offset + min(MOST, MOST if count is None else count)]
    return Answer(orjson.dumps({**shown, "expansion": _expansion(call, part, len(found), offset)}))


def _found(
    library: TenantLibrary, call: Call, given: Definition | None, canonical: str
) -> tuple[list[ExpandedConcept], dict[str, Any]]:
    """Return all codes that are asked for, and what of the definition is shown."""
    definition = given if given is not None else library.find("ValueSet", canonical)
    if definition is None:
        raise refuse(ErrorKind.NOT_FOUND, f"The value set {canonical[:200]} is not known.")
    active_only = call.arguments.value("activeOnly") is True
    expansion = terminology_of(library, given).expand(canonical, _ALL, active_only=active_only)
    if expansion.obstacles:
        raise undecided(" ".join(expansion.obstacles))
    text = (call.arguments.value("filter") or "").casefold()
    found = [
        each for each in expansion.concepts if text in each.code.casefold() or text in (each.display or "").casefold()
    ]
    hidden = {"text", "meta", "expansion"} if call.arguments.value("includeDefinition") else _NOT_SHOWN
    return found, {name: value for name, value in definition.items() if name not in hidden}


def _expansion(call: Call, part: list[ExpandedConcept], total: int, offset: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "identifier": f"urn:uuid:{uuid4()}",
        "timestamp": instant(int(time.time() * 1000)),
        "total": total,
        "offset": offset,
    }
    used = [
        _parameter(name, call.arguments.value(name)) for name in _REPEATED if call.arguments.value(name) is not None
    ]
    if used:
        made["parameter"] = used
    if part:
        made["contains"] = [_contains(each) for each in part]
    return made


def _parameter(name: str, value: str | bool | int) -> dict[str, Any]:
    kinds = {bool: "valueBoolean", int: "valueInteger"}
    return {"name": name, kinds.get(type(value), "valueString"): value}


def _contains(concept: ExpandedConcept) -> dict[str, Any]:
    found: dict[str, Any] = {"system": concept.system}
    if concept.is_abstract:
        found["abstract"] = True
    if concept.is_inactive:
        found["inactive"] = True
    found["code"] = concept.code
    if concept.display is not None:
        found["display"] = concept.display
    return found
