"""Bindings that a profile changes.

Spec: https://hl7.org/fhir/R4/terminologies.html#strength
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.types import Binding, Element
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Check, Json, Run
from fhir_api.validation.profiles.stated import Rules
from fhir_api.validation.profiles.values import plain

_AMENDED = {"http://hl7.org/fhir/ValueSet/ucum-vitals-common": "extensible"}
"""Value sets whose binding was too strict in R4 as published, with the strength that the correction gave it."""
_CHECKED = frozenset({"required", "extensible"})


def binding_checks(rules: Rules, element: Element | None) -> Iterator[Check]:
    """Yield the checks of an element's binding where it is not that of R4's own definition."""
    stated = rules.get("binding", {})
    for value_set in stated.get("max", ()):
        yield _check(Binding("required", value_set))
    if stated.get("strength") not in _CHECKED or "valueSet" not in stated:
        return
    value_set = stated["valueSet"]
    binding = Binding(_AMENDED.get(value_set.partition("|")[0], stated["strength"]), value_set)
    before = element.binding if element else None
    if before is None or (before.strength, before.value_set) != (binding.strength, value_set.partition("|")[0]):
        yield _check(binding)


def _check(binding: Binding) -> Check:
    def check(value: Json, kind: str, place: Place, run: Run) -> None:
        coded = plain(value)
        if coded is not None:
            run.issues.extend(run.profiles.binding_issues(binding, coded, kind, place))

    return check
