"""How the rules that a differential gives for an element are laid over those of its base.

Spec: https://hl7.org/fhir/R4/profiling.html#snapshot, https://hl7.org/fhir/R4/elementdefinition.html#interpretation
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from conformance.types import is_subtype, nodes
from fhir_api.validation.profiles.stated import Rules

TYPE_PREFIX: Final = "http://hl7.org/fhir/StructureDefinition/"
_SYSTEM: Final = "http://hl7.org/fhirpath/System."
_STRENGTHS: Final = ("example", "preferred", "extensible", "required")


def merged(base: Rules, own: Rules) -> tuple[Rules, list[str]]:
    """Return the rules of an element, and in words where *own* contradicts *base*; the stricter one then holds."""
    if not own:
        return base, []
    rules = {**base, **own}
    contradictions = [
        *_cardinality(base, own, rules),
        *_types(base, own, rules),
        *_binding(base, own, rules),
        *_fixed(base, own),
    ]
    if "constraint" in own and "constraint" in base:
        replaced = {constraint["key"] for constraint in own["constraint"]}
        kept = [constraint for constraint in base["constraint"] if constraint["key"] not in replaced]
        rules["constraint"] = [*kept, *own["constraint"]]
    if "slicing" in own and "slicing" in base:
        rules["slicing"] = {**base["slicing"], **own["slicing"]}
    if "maxLength" in own and "maxLength" in base:
        rules["maxLength"] = min(own["maxLength"], base["maxLength"])
    return rules, contradictions


def greatest(rules: Rules) -> int | None:
    """Return ``max``, None for any number."""
    most = rules.get("max", "*")
    return None if most == "*" else int(most)


def _cardinality(base: Rules, own: Rules, rules: Rules) -> Iterator[str]:
    if "min" in own and "min" in base and own["min"] < base["min"]:
        rules["min"] = base["min"]
        yield f"min is {own['min']}, but its base demands {base['min']}"
    most, allowed = greatest(own), greatest(base)
    if "max" in own and allowed is not None and (most is None or most > allowed):
        rules["max"] = base["max"]
        yield f"max is {own['max']}, but its base allows {allowed}"
    upper = greatest(rules)
    # A min inherited by an element that is left out is the author's fault only where both are stated together.
    if upper is not None and rules.get("min", 0) > upper:
        yield f"min is {rules['min']} and max is {upper}"


def _types(base: Rules, own: Rules, rules: Rules) -> Iterator[str]:
    if "type" not in own or not base.get("type"):
        return
    found: list[dict[str, Any]] = []
    for kind in own["type"]:
        parent = _wider(kind["code"], base["type"])
        if parent is None:
            yield f"type {kind['code']} is none that its base allows"
        else:
            inherited: dict[str, Any] = {name: parent[name] for name in ("profile", "targetProfile") if name in parent}
            found.append({**inherited, **kind} if parent["code"] == kind["code"] else kind)
    rules["type"] = found or base["type"]


def _wider(code: str, types: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the type of the base that a type narrows."""
    for kind in types:
        if kind["code"] == code or kind["code"].startswith(_SYSTEM) or code.startswith(_SYSTEM):
            return kind
    for kind in types:
        if is_subtype(code, kind["code"]) or code not in nodes():
            return kind
    return None


def _binding(base: Rules, own: Rules, rules: Rules) -> Iterator[str]:
    if "binding" not in own or "binding" not in base:
        return
    strength, before = own["binding"].get("strength"), base["binding"].get("strength")
    rules["binding"] = {**base["binding"], **own["binding"]}
    if strength in _STRENGTHS and before == "required" and strength != "required":
        rules["binding"] = base["binding"]
        yield f"binding is {strength}, but its base demands a required one"


def _fixed(base: Rules, own: Rules) -> Iterator[str]:
    """Tell fixed values that cannot both be kept: of an extension derived from another, its URL."""
    for name, value in own.items():
        if name.startswith("fixed") and base.get(name, value) != value:
            yield f"{name} is another value than the one that its base fixes"
