"""``CodeSystem/$subsumes``: is one code the other, above it or below it?

Spec: https://hl7.org/fhir/R4/codesystem-operation-subsumes.html
"""

from __future__ import annotations

from typing import Any

from fhir_api.interactions.context import Context
from fhir_api.interactions.library import TenantLibrary
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.operations.operation import Answer, Call
from fhir_api.operations.terms import given_definition, parameters, refuse_others, settle, terminology_of, undecided
from fhir_api.packages.library import Definition


async def subsumes(context: Context, call: Call) -> Answer:
    """Answer ``$subsumes``: ``equivalent | subsumes | subsumed-by | not-subsumed``."""
    refuse_others(call, "codeA", "codeB", "system", "version", "codingA", "codingB")
    definition = await given_definition(context, call, "codeSystem")
    one, other = _coding(call, definition, "A"), _coding(call, definition, "B")
    outcome = await settle(context, lambda library: _outcome(library, definition, one, other))
    return parameters(("outcome", "valueCode", outcome))


def _coding(call: Call, definition: Definition | None, which: str) -> dict[str, Any]:
    code, coding = call.arguments.value(f"code{which}"), call.arguments.value(f"coding{which}")
    if (code is None) == (coding is None):
        diagnostics = f"Expected one of 'code{which}' and 'coding{which}'."
        raise refuse(ErrorKind.MALFORMED, diagnostics, code="required")
    system = definition.get("url") if definition is not None else call.arguments.value("system")
    made: dict[str, Any] = {"system": system, "code": code} if coding is None else coding
    if not made.get("system") or not made.get("code"):
        raise refuse(ErrorKind.MALFORMED, f"The code {which} needs a system and a code.", code="required")
    return made


def _outcome(library: TenantLibrary, definition: Definition | None, one: dict[str, Any], other: dict[str, Any]) -> str:
    terminology = terminology_of(library, definition)
    for coding in (one, other):
        known = terminology.validate_in_system(coding["system"], coding["code"])
        if known.result is not True:
            raise undecided(known.message)
    if (one["system"], one["code"]) == (other["system"], other["code"]):
        return "equivalent"
    down, up = terminology.subsumes(one, other), terminology.subsumes(other, one)
    if down is None or up is None:
        raise undecided("The relations between the codes are not known.")
    if down:
        return "equivalent" if up else "subsumes"
    return "subsumed-by" if up else "not-subsumed"
