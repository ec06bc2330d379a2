"""Limits on one answer: range, length, pattern, unit, kind of content.

Spec: https://hl7.org/fhir/R4/questionnaire-profilelist.html
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from fhir_api.fhirpath import FhirPathEvaluationError
from fhir_api.fhirpath.functions.strings import matches_full
from fhir_api.fhirpath.quantity import UCUM_SYSTEM
from fhir_api.model.outcome import Issue
from fhir_api.model.references import parse_restful
from fhir_api.terminology import Terminology
from fhir_api.validation.references import RESOURCE_TYPES
from fhir_api.validation.rules.elements import extension_value, extension_values
from fhir_api.validation.rules.place import Place, Tree
from fhir_api.validation.rules.questionnaires.comparing import order

_SDC: Final = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
_RANGE: Final = (
    (-1, "less than the least", ("minValue", f"{_SDC}minQuantity")),
    (1, "greater than the greatest", ("maxValue", f"{_SDC}maxQuantity")),
)
# Each of them takes as long as one match may take.
_MAX_HOPELESS: Final = 3


def limits(item: Tree, kind: str, value: Any, terminology: Terminology, at: Place) -> Iterator[Issue]:
    """Check an answer against the limits that the item sets for its type."""
    match kind:
        case "string" | "uri":
            yield from _text(item, value, at)
        case "decimal":
            yield from _range(item, kind, value, at)
            yield from _decimal_places(item, value, at)
        case "integer" | "date" | "dateTime" | "time":
            yield from _range(item, kind, value, at)
        case "Quantity":
            yield from _range(item, kind, value, at)
            yield from _unit(item, value, terminology, at)
        case "Attachment":
            yield from _attachment(item, value, at)
        case "Reference":
            yield from _reference(item, value, at)


def _range(item: Tree, kind: str, value: Any, at: Place) -> Iterator[Issue]:
    for sign, words, names in _RANGE:
        limit = extension_value(item, *names)
        if limit is None or isinstance(limit, dict) != (kind == "Quantity"):
            continue
        found = order(kind, value, limit)
        if found is None:
            yield at.error("value", f"The {kind} cannot be compared with the limit of the item.")
        elif found == sign:
            yield at.error("value", f"The answer is {words} that the item allows.")


def _decimal_places(item: Tree, value: Any, at: Place) -> Iterator[Issue]:
    limit = extension_value(item, "maxDecimalPlaces")
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    if isinstance(limit, int) and isinstance(exponent, int) and -exponent > limit:
        yield at.error("value", f"Found {-exponent} decimal places, the item allows {limit}.")


def _text(item: Tree, value: str, at: Place) -> Iterator[Issue]:
    least, most = extension_value(item, "minLength"), item.get("maxLength")
    if isinstance(least, int) and len(value) < least:
        yield at.error("value", f"Found {len(value)} characters, the item asks for {least} or more.")
    if isinstance(most, int) and len(value) > most:
        yield at.error("too-long", f"Found {len(value)} characters, the item allows {most}.")
    if item.get("type") == "string" and ("\n" in value or "\r" in value):
        yield at.warning("value", "The answer has several lines, the item asks for one (its type is string).")
    pattern = extension_value(item, "regex")
    if isinstance(pattern, str):
        yield from _pattern(pattern, value, at)


def _pattern(pattern: str, value: str, at: Place) -> Iterator[Issue]:
    hopeless = at.scene.hopeless_patterns
    if pattern in hopeless or len(hopeless) >= _MAX_HOPELESS:
        return
    try:
        if not matches_full(value, pattern):
            yield at.error("value", "The answer does not match the pattern of the item.")
    except FhirPathEvaluationError:
        hopeless.add(pattern)
        yield at.warning("processing", "The item's pattern is wrong, or takes too long; it was not applied.")


def _unit(item: Tree, value: Tree, terminology: Terminology, at: Place) -> Iterator[Issue]:
    options = list(extension_values(item, "questionnaire-unitOption"))
    unit = {"system": value.get("system", UCUM_SYSTEM), "code": value.get("code", value.get("unit"))}
    if options and not any(_is_unit(unit, option) for option in options):
        yield at.error("code-invalid", "The unit is none of those the item offers.")
    value_set = extension_value(item, "questionnaire-unitValueSet")
    if isinstance(value_set, str) and terminology.member_of(value_set, unit) is False:
        yield at.error("code-invalid", "The unit is not in the value set of the item.")


def _is_unit(unit: Tree, option: Tree) -> bool:
    return (option.get("code"), option.get("system", unit["system"])) == (unit["code"], unit["system"])


def _attachment(item: Tree, value: Tree, at: Place) -> Iterator[Issue]:
    kinds = list(extension_values(item, "mimeType"))
    if kinds and "contentType" in value and value["contentType"] not in kinds:
        yield at.error("value", "The content type is none of those the item allows.")
    most = extension_value(item, "maxSize")
    size = value.get("size", len(value.get("data", "")) * 3 // 4)
    # the extension gives megabytes
    if isinstance(most, int | float) and size > most * 1024 * 1024:
        yield at.error("too-long", "The attachment is larger than the item allows.")


def _reference(item: Tree, value: Tree, at: Place) -> Iterator[Issue]:
    allowed = list(extension_values(item, "questionnaire-referenceResource"))
    shown = parse_restful(value.get("reference", ""))
    found = shown.key.resource_type if shown is not None else value.get("type")
    if allowed and found in RESOURCE_TYPES and found not in allowed:
        yield at.error("value", f"Found a reference to {found}, the item allows {' or '.join(map(str, allowed))}.")
