"""Codes: do they belong to the value set of their element, and does their code system have them?

What cannot be told refuses nothing.

Spec: https://hl7.org/fhir/R4/terminologies.html#strength
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from conformance.types import Binding, is_subtype
from fhir_api.model.outcome import Issue
from fhir_api.terminology import Terminology
from fhir_api.terminology.grammars import GRAMMARS
from fhir_api.validation.primitives import Json

CODED_TEXTS: Final = frozenset({"code", "string", "uri"})
"""Primitive types that can be bound; their value is the code."""
_CODED_ELEMENTS: Final = frozenset({"Coding", "CodeableConcept"})
_SEVERITIES: Final = {"required": "error", "extensible": "warning", "preferred": "information"}
_EXPECTED: Final = {
    "required": "expected a code of {}.",
    "extensible": "expected a code of {}, unless none of them fits.",
    "preferred": "preferred is a code of {}.",
}


def binding_issues(
    terminology: Terminology, binding: Binding, coded: Json, type_code: str, path: str
) -> Iterator[Issue]:
    """Yield what is wrong with a coded value under a binding.

    Args:
        terminology: answers for codes.
        binding: of the element.
        coded: JSON, sound in structure, or the text of a primitive.
        type_code: ``code | Coding | CodeableConcept | Quantity | string | uri``; nothing is asked of other types.
        path: the place of *coded*.

    Raises:
        NotAtHandError: a definition has to be fetched first.
    """
    severity = _SEVERITIES.get(binding.strength)
    if severity is None or binding.value_set is None or not _is_coded(type_code):
        return
    codes = tuple(_codes(coded, type_code))
    details = (f"binding-{binding.strength}",)
    expected = _EXPECTED[binding.strength].format(binding.value_set)
    if not codes:
        if _has_to_have_code(coded, type_code):
            yield Issue(severity, "code-invalid", f"Found no code, {expected}", (path,), details)
        return
    answers = {terminology.contains(binding.value_set, system, code) for system, code in codes}
    if True in answers:
        return
    if None not in answers:
        found = "another code" if len(codes) == 1 else f"{len(codes)} other codes"
        yield Issue(severity, "code-invalid", f"Found {found}, {expected}", (path,), details)
    elif severity == "error":
        untold = f"Whether the code is one of {binding.value_set} cannot be told here."
        yield Issue("warning", "not-found", untold, (path,), ("binding-open",))


def coding_issues(terminology: Terminology, coding: Mapping[str, Any], path: str) -> Iterator[Issue]:
    """Yield what is wrong with a Coding in itself: its code system has no such code, or names it otherwise.

    Raises:
        NotAtHandError: a definition has to be fetched first.
    """
    system, code = coding.get("system"), coding.get("code")
    if system is None or code is None:
        return
    answer = terminology.validate_in_system(system, code, coding.get("display"), coding.get("version"))
    if answer.result is None:
        if system not in GRAMMARS:
            untold = "The code system is not known here, so the code was not checked."
            yield Issue("warning", "not-found", untold, (f"{path}.system",), ("code-system-unknown",))
    elif not answer.result:
        unknown = f"{system} has no such code."
        yield Issue("error", "code-invalid", unknown, (f"{path}.code",), ("code-unknown",))
    if answer.is_display_right is False:
        expected = f"Found another display than '{answer.display}', which {system} has for the code."
        yield Issue("error", "invalid", expected, (f"{path}.display",), ("display",))
    if answer.is_inactive:
        inactive = f"{system} says that the code is not to be used any more."
        yield Issue("warning", "business-rule", inactive, (f"{path}.code",), ("code-inactive",))


def keeps_required(terminology: Terminology, binding: Binding, coded: Json, type_code: str) -> bool:
    """Tell whether a coded value does not certainly break a required binding.

    Raises:
        NotAtHandError: a definition has to be fetched first.
    """
    return all(issue.severity != "error" for issue in binding_issues(terminology, binding, coded, type_code, ""))


@cache
def _is_coded(type_code: str) -> bool:
    return type_code in CODED_TEXTS or type_code in _CODED_ELEMENTS or is_subtype(type_code, "Quantity")


def _codes(coded: Json, type_code: str) -> Iterator[tuple[str | None, str]]:
    """Yield system and code of each code; the system of a bare code is the value set's to say."""
    if type_code in CODED_TEXTS:
        yield None, coded
        return
    codings = coded.get("coding", ()) if type_code == "CodeableConcept" else (coded,)
    for coding in codings:
        if "code" in coding:
            # a code without a system is in no code system
            yield coding.get("system", ""), coding["code"]


def _has_to_have_code(coded: Json, type_code: str) -> bool:
    """Tell whether a value without a code says something all the same; else its extensions say why."""
    match type_code:
        case "CodeableConcept":
            return "coding" in coded or "text" in coded
        case "Coding":
            return "display" in coded
        case _:
            return "unit" in coded
