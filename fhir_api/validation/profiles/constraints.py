"""The constraints a profile adds to elements.

Spec: https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial

from conformance.types import Element, nodes
from fhir_api import fhirpath
from fhir_api.fhirpath import Compiled, FhirPathBudgetError, FhirPathError, FhirPathEvaluationError
from fhir_api.validation.profiles.merging import TYPE_PREFIX
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Check, Json, Run
from fhir_api.validation.profiles.stated import Rules


def constraint_checks(
    rules: Rules, kinds: list[str], element: Element | None, profile: str, *, is_bounded: bool
) -> Iterator[Check]:
    """Yield the checks of the constraints that neither the element nor its types have in R4 itself.

    *is_bounded* tells whether their work is limited: that of expressions which clients wrote.
    """
    known = {constraint.key for constraint in element.constraints} if element else set()
    for kind in kinds:
        known |= _keys(kind)
    for constraint in rules.get("constraint", ()):
        key, expression = constraint["key"], constraint.get("expression")
        if expression and not (key in known and _is_of_r4(constraint.get("source"))):
            compile_for = partial(_compiled, expression, is_bounded=is_bounded)
            severity, human = constraint.get("severity", "error"), constraint.get("human", "")
            yield _check(key, severity, human, compile_for, profile)


def _compiled(expression: str, type_name: str, *, is_bounded: bool) -> Compiled:
    return fhirpath.compile(expression, type_name=type_name, is_bounded=is_bounded)


@cache
def _keys(kind: str) -> frozenset[str]:
    found = nodes().get(kind)
    keys = {constraint.key for constraint in found.constraints} if found else set()
    return frozenset(keys | {"ele-1", "ext-1"})


def _is_of_r4(source: str | None) -> bool:
    return source is None or source.removeprefix(TYPE_PREFIX) in nodes()


def _check(key: str, severity: str, human: str, compile_for: Callable[[str], Compiled], profile: str) -> Check:
    failed = f"The rule {key} of the profile {profile} is broken: {human}"
    cannot = f"The rule {key} of the profile {profile} cannot be evaluated"

    def check(value: Json, kind: str, place: Place, run: Run) -> None:
        try:
            is_kept = compile_for(kind).boolean(value, run.typed_environment)
        except FhirPathBudgetError:
            run.add("warning", "too-costly", f"{cannot} here: it takes too much work.", place, "invariant", key)
        except FhirPathEvaluationError:
            run.add("warning", "processing", f"{cannot} here.", place, "invariant", key)
        except FhirPathError as error:
            run.error("processing", f"{cannot}: {error}", place, "invariant", key)
        else:
            if is_kept is False:
                run.add(severity, "invariant", failed, place, "invariant", key)

    return check
