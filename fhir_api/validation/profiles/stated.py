"""What of an ElementDefinition validation asks, and what extensions add to it.

Spec: https://hl7.org/fhir/R4/elementdefinition.html, https://hl7.org/fhir/R4/elementdefinition-profile.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Rules = dict[str, Any]
"""An ElementDefinition, of which only what validation asks is kept; shared, so never changed."""

_DEFINITIONS: Final = "http://hl7.org/fhir/StructureDefinition/"
_R5: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition."
_KEPT: Final = frozenset(
    {"min", "max", "type", "contentReference", "slicing", "sliceName", "binding", "maxLength", "isModifier"}
)
_KEPT_VALUES: Final = ("fixed", "pattern", "minValue", "maxValue")
_KEPT_IN_CONSTRAINT: Final = ("key", "severity", "human", "expression", "source")
_ADDED: Final = {
    f"{_DEFINITIONS}minLength": "minLength",
    f"{_DEFINITIONS}regex": "regex",
    f"{_R5}mustHaveValue": "mustHaveValue",
    f"{_R5}valueAlternatives": "valueAlternatives",
}
_MAX_VALUE_SET: Final = f"{_DEFINITIONS}elementdefinition-maxValueSet"
_ADDITIONAL: Final = frozenset(
    {f"{_R5}binding.additional", "http://hl7.org/fhir/tools/StructureDefinition/additional-binding"}
)
_PROFILE_ELEMENT: Final = f"{_DEFINITIONS}elementdefinition-profile-element"


def kept_rules(element: Mapping[str, Any]) -> Rules:
    """Return what of an ElementDefinition validation asks.

    Extensions that state a rule become members: ``minLength``, ``regex``, ``mustHaveValue``, ``valueAlternatives``, in
    the binding ``max`` (value sets whose codes alone are allowed), in ``type.profile`` an element of a profile (after
    ``#``).
    """
    rules = {name: value for name, value in element.items() if name in _KEPT or name.startswith(_KEPT_VALUES)}
    if "constraint" in element:
        rules["constraint"] = [
            {name: constraint[name] for name in _KEPT_IN_CONSTRAINT if name in constraint}
            for constraint in element["constraint"]
        ]
    if "binding" in rules:
        rules["binding"] = _binding(rules["binding"])
    if "type" in rules:
        rules["type"] = [_type(kind) for kind in rules["type"]]
    for extension in element.get("extension", ()):
        if extension.get("url") in _ADDED:
            rules[_ADDED[extension["url"]]] = _value(extension)
    return rules


def _value(extension: Mapping[str, Any]) -> Any:
    return next((value for name, value in extension.items() if name.startswith("value")), None)


def _binding(binding: Mapping[str, Any]) -> Rules:
    kept: Rules = {name: binding[name] for name in ("strength", "valueSet") if name in binding}
    greatest = [value_set for extension in binding.get("extension", ()) for value_set in _greatest(extension)]
    return {**kept, "max": greatest} if greatest else kept


def _greatest(extension: Mapping[str, Any]) -> Iterator[str]:
    if extension.get("url") == _MAX_VALUE_SET:
        yield _value(extension)
    elif extension.get("url") in _ADDITIONAL:
        parts = {part.get("url"): _value(part) for part in extension.get("extension", ())}
        # one with a usage is for some contexts only, which nothing in a resource tells
        if parts.get("purpose") in ("required", "maximum") and "usage" not in parts and "valueSet" in parts:
            yield parts["valueSet"]


def _type(kind: dict[str, Any]) -> dict[str, Any]:
    if "_profile" not in kind:
        return kind
    pairs = zip(kind.get("profile", ()), kind["_profile"], strict=False)
    profiles = [profile + "".join(f"#{name}" for name in _elements(companion)) for profile, companion in pairs]
    return {**kind, "profile": profiles or kind.get("profile", [])}


def _elements(companion: Mapping[str, Any] | None) -> Iterator[str]:
    for extension in (companion or {}).get("extension", ()):
        if extension.get("url") == _PROFILE_ELEMENT:
            yield str(_value(extension))
