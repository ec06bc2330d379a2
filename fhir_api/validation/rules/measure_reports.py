"""A MeasureReport against its Measure: the same groups, populations and stratifiers, counts where they belong.

Spec: https://hl7.org/fhir/R4/measurereport.html#MeasureReport
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.place import Place, Tree, items

_SCORING = "http://terminology.hl7.org/CodeSystem/measure-scoring"


def measure_report(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check a MeasureReport, against its Measure if that is known."""
    measure = place.scene.library.find("Measure", resource.get("measure", ""))
    groups = () if measure is None else measure.get("group", ())
    for group, at in items(resource, "group", place):
        yield from _subjects(group, resource.get("type"), at)
        if measure is None:
            continue
        if "measureScore" in group and _codes(measure.get("scoring", {})) & {(_SCORING, "cohort")}:
            yield at.error("invalid", "The measure has no score: its scoring is 'cohort'.", "measureScore")
        defined = _matching(group, groups)
        if defined is None:
            yield at.error("invalid", "The measure has no group with this code.", "code")
            continue
        for name in ("population", "stratifier"):
            yield from _parts(name, group, defined.get(name, ()), at)
    for group in groups:
        if not any(_matching(each, groups) is group for each in resource.get("group", ())):
            yield place.error("required", "A group of the measure is missing.", "group")


def _parts(name: str, group: Tree, defined: Sequence[Tree], place: Place) -> Iterator[Issue]:
    for part, at in items(group, name, place):
        if _matching(part, defined) is None:
            yield at.error("invalid", f"The group of the measure has no {name} with this code.", "code")


def _matching(part: Tree, defined: Sequence[Tree]) -> Tree | None:
    """Return the part of a measure that a part of a report is about; where there is one only, it needs no code."""
    concept = _concept(part)
    if concept is None:
        return defined[0] if len(defined) == 1 else None
    for each in defined:
        expected = _concept(each)
        if expected is None:
            continue
        if _codes(concept) & _codes(expected) or concept.get("text", "") == expected.get("text"):
            return each
    return defined[0] if len(defined) == 1 and _concept(defined[0]) is None else None


def _concept(part: Tree) -> Tree | None:
    """Return the code of a part; a stratifier of a report may have several, the first counts."""
    code: Any = part.get("code")
    concept: Tree | None = code[0] if isinstance(code, list) else code
    return concept


def _codes(concept: Tree) -> set[tuple[Any, Any]]:
    return {(coding.get("system"), coding.get("code")) for coding in concept.get("coding", ())}


def _subjects(group: Tree, kind: str | None, place: Place) -> Iterator[Issue]:
    for population, at in items(group, "population", place):
        reference = population.get("subjectResults", {}).get("reference", "")
        if reference and kind != "subject-list":
            yield at.error("invalid", "Only a report of type 'subject-list' lists its subjects.", "subjectResults")
        subjects = at.owner.contained(reference[1:]) if reference[:1] == "#" else None
        if subjects is None or subjects.get("resourceType") != "List":
            continue
        number = len(subjects.get("entry", ()))
        if population.get("count", number) != number:
            yield at.error("invalid", f"The count is not the number of subjects listed, {number}.", "count")
