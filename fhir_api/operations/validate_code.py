"""``$validate-code``: is a code in a value set, or in a code system, and is its display right?

Spec: https://hl7.org/fhir/R4/valueset-operation-validate-code.html,
https://hl7.org/fhir/R4/codesystem-operation-validate-code.html
"""

from __future__ import annotations

from collections.abc import Iterable

from fhir_api.interactions.context import Context
from fhir_api.interactions.library import TenantLibrary
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.operations.operation import Answer, Call
from fhir_api.operations.terms import (
    Coded,
    canonical_of,
    coded,
    given_definition,
    parameters,
    refuse_others,
    settle,
    terminology_of,
    undecided,
)
from fhir_api.terminology import Answer as Known

_CODED = ("code", "display", "coding", "codeableConcept", "abstract")


async def in_value_set(context: Context, call: Call) -> Answer:
    """Answer ``ValueSet/$validate-code``."""
    refuse_others(call, "url", "valueSet", "valueSetVersion", "system", "systemVersion", *_CODED)
    definition = await given_definition(context, call, "valueSet")
    canonical = canonical_of(call, definition, "valueSetVersion")
    asked = coded(call, call.arguments.value("system"), call.arguments.value("systemVersion"))
    if call.arguments.value("code") is not None and asked[0].system is None:
        raise refuse(ErrorKind.MALFORMED, "The parameter 'code' needs 'system'.", code="required")

    def check(library: TenantLibrary) -> list[Known]:
        terminology = terminology_of(library, definition)
        return [terminology.validate(canonical, *each) for each in asked]

    return _answered(call, await settle(context, check))


async def in_code_system(context: Context, call: Call) -> Answer:
    """Answer ``CodeSystem/$validate-code``."""
    refuse_others(call, "url", "codeSystem", "version", *_CODED)
    definition = await given_definition(context, call, "codeSystem")
    canonical = canonical_of(call, definition, "version")
    url = definition.get("url") if definition is not None else canonical.partition("|")[0]
    asked = coded(call, url, None)

    def check(library: TenantLibrary) -> list[Known]:
        terminology = terminology_of(library, definition)
        return [
            terminology.validate_in_system(canonical, each.code, each.display)
            if each.system == url
            else _of_another_system(each)
            for each in asked
        ]

    return _answered(call, await settle(context, check))


def _of_another_system(_coding: Coded) -> Known:
    return Known(result=False, message="The coding is of another code system.", is_system_known=True)


def _answered(call: Call, answers: Iterable[Known]) -> Answer:
    """Return the best of *answers*: of several codings one has to be right.

    Raises:
        FhirError: UNPROCESSABLE where nothing can be told.
    """
    allows_abstract = call.arguments.value("abstract") is not False
    best = max(answers, key=lambda answer: (_is_right(answer, allows_abstract), answer.result is None))
    if best.result is None:
        raise undecided(best.message)
    message = best.message
    if best.result and best.is_display_right is False:
        message = "The display is none of the concept's names."
    elif best.result and best.is_abstract and not allows_abstract:
        message = "The code is abstract."
    elif best.result and best.is_inactive:
        message = "The code is not to be used any more."
    return parameters(
        ("result", "valueBoolean", _is_right(best, allows_abstract)),
        ("message", "valueString", message),
        ("display", "valueString", best.display),
    )


def _is_right(answer: Known, allows_abstract: bool) -> bool:
    return (
        answer.result is True and answer.is_display_right is not False and (allows_abstract or not answer.is_abstract)
    )
