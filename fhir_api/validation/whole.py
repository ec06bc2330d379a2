"""Rules over several members of one element.

They are asked only where each member is sound by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from fhir_api.validation.references import RESOURCE_TYPES, shown_type
from fhir_api.validation.structure import Structure, concepts

_DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/"

Members = Mapping[str, Any]


class Rule(NamedTuple):
    """One rule over an element's members.

    Attributes:
        holds: whether an element keeps it.
        code: of http://hl7.org/fhir/issue-type, where it does not.
        step: the element concerned; None is the one that has the members.
        diagnostics: found and expected.
        details: code of the kind of refusal.
    """

    holds: Callable[[Members], bool]
    code: str
    step: str | None
    diagnostics: str
    details: str


def rules_over(structure: Structure, shape: Collection[str]) -> Iterator[Rule]:
    """Yield the rules that an element with these members has to keep."""
    for name in shape:
        each = structure.properties[name]
        if name[0] != "_" or each.companion is None:
            continue
        if each.companion not in shape:
            nothing = "Found nothing but an id, expected a value or extensions (ele-1)."
            yield Rule(_says_more_than_id(name), "structure", each.step, nothing, "element-empty")
        elif each.repeats:
            yield Rule(
                _are_aligned(each.companion, name),
                "structure",
                each.step,
                f"'{each.companion}' and '{name}' differ in length, or one place has neither a value nor extensions.",
                "array-companions",
            )
    if structure.key.targets is not None and "reference" in shape and "type" in shape:
        shown = "The type is not the one that the reference shows."
        yield Rule(_type_agrees, "value", "type", shown, "reference-type")
    if structure.key.value_set is not None:
        yield Rule(
            _has_concept(concepts(structure.key.value_set)),
            "code-invalid",
            None,
            f"Found no coding of the required value set {structure.key.value_set}.",
            "binding-required",
        )


def _are_aligned(name: str, companion: str) -> Callable[[Members], bool]:
    """Return the rule that two arrays complete each other.

    Spec: https://hl7.org/fhir/R4/json.html#primitive
    """

    def aligned(element: Members) -> bool:
        values, companions = element[name], element[companion]
        return len(values) == len(companions) and all(
            value is not None or _says_more(extra) for value, extra in zip(values, companions, strict=True)
        )

    return aligned


def _says_more_than_id(name: str) -> Callable[[Members], bool]:
    """Return the rule that primitives without a value have extensions."""

    def says_more(element: Members) -> bool:
        companion = element[name]
        if type(companion) is list:
            return all(_says_more(each) for each in companion)
        return _says_more(companion)

    return says_more


def _says_more(companion: Members | None) -> bool:
    return companion is not None and (len(companion) > 1 or "id" not in companion)


def _type_agrees(reference: Members) -> bool:
    """Tell whether ``Reference.type`` is the type its literal shows, if it shows one.

    Spec: https://hl7.org/fhir/R4/references-definitions.html#Reference.type
    """
    shown = shown_type(reference["reference"]).lstrip("?")
    return shown not in RESOURCE_TYPES or reference["type"].removeprefix(_DEFINITIONS) == shown


def _has_concept(allowed: frozenset[tuple[str, str]]) -> Callable[[Members], bool]:
    """Return the rule that a CodeableConcept has one of some concepts.

    Where it has neither codings nor text its extensions say why, and nothing is demanded.

    Spec: https://hl7.org/fhir/R4/terminologies.html#required
    """

    def has_concept(element: Members) -> bool:
        if "coding" not in element:
            return "text" not in element
        return any((coding.get("system"), coding.get("code")) in allowed for coding in element["coding"])

    return has_concept
