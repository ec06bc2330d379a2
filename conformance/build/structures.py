"""StructureDefinitions to nodes.

Spec: https://hl7.org/fhir/R4/structuredefinition.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from conformance.build.package import Definition, Package
from conformance.types import Binding, Constraint, Element, ElementType, Node

_SYSTEM_TYPE = "http://hl7.org/fhirpath/System."
_FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_REGEX = "http://hl7.org/fhir/StructureDefinition/regex"
_BACKBONES = ("BackboneElement", "Element")
_POINTERS = ("Reference", "canonical")


def compile_nodes(package: Package) -> tuple[list[Node], tuple[str, ...]]:
    """Return the nodes sorted by name, and the ids of type definitions left out (logical models, profiles of types).

    Profiles of Extension are the extension registry, not types: they are neither.
    """
    nodes: list[Node] = []
    skipped: list[str] = []
    for definition in package.of_type("StructureDefinition"):
        if definition["kind"] == "logical" or definition.get("derivation") == "constraint":
            if definition["type"] != "Extension":
                skipped.append(definition["id"])
            continue
        nodes.extend(_nodes_of(definition))
    own = {node.name: {constraint.key for constraint in node.constraints} for node in nodes}
    return sorted((_without_repeats(node, own) for node in nodes), key=lambda node: node.name), tuple(skipped)


def _nodes_of(definition: Definition) -> Iterator[Node]:
    root, *rest = definition["snapshot"]["element"]
    value = _value_of_primitive(definition)
    yield Node(
        name=definition["type"],
        kind=definition["kind"],
        base=_last(definition["baseDefinition"]) if "baseDefinition" in definition else None,
        abstract=definition["abstract"],
        elements=_children(root, [element for element in rest if element is not value]),
        constraints=_constraints(root),
        regex=_extension(value["type"][0], _REGEX) if value else None,
        max_length=value.get("maxLength") if value else None,
    )
    for element in rest:
        if _is_backbone(element, rest):
            yield Node(
                name=element["path"],
                kind="backbone",
                base=element["type"][0]["code"],
                elements=_children(element, rest),
                constraints=_constraints(element),
            )


def _value_of_primitive(definition: Definition) -> dict[str, Any] | None:
    """Return the element that is the primitive itself: JSON has no property for it."""
    if definition["kind"] != "primitive-type":
        return None
    elements: list[dict[str, Any]] = definition["snapshot"]["element"]
    return next(element for element in elements if element["path"] == f"{definition['type']}.value")


def _is_backbone(element: dict[str, Any], among: list[dict[str, Any]]) -> bool:
    within = f"{element['path']}."
    return any(other["path"].startswith(within) for other in among)


def _children(parent: dict[str, Any], among: list[dict[str, Any]]) -> tuple[Element, ...]:
    within = f"{parent['path']}."
    own = (each for each in among if each["path"].startswith(within) and "." not in each["path"][len(within) :])
    return tuple(_element(each, among) for each in own if each["max"] != "0")


def _element(element: dict[str, Any], among: list[dict[str, Any]]) -> Element:
    path = element["path"]
    last = _last(path, ".")
    shared = element.get("contentReference")
    binding = element.get("binding")
    return Element(
        name=last.removesuffix("[x]"),
        path=path,
        types=_types(element, among),
        is_choice=last.endswith("[x]"),
        min=element["min"],
        max=None if element["max"] == "*" else int(element["max"]),
        binding=Binding(binding["strength"], _unversioned(binding.get("valueSet"))) if binding else None,
        is_summary=element.get("isSummary", False),
        is_modifier=element.get("isModifier", False),
        is_attribute="xmlAttr" in element.get("representation", ()),
        constraints=_constraints(element),
        content_reference=shared[1:] if shared else None,
        max_length=element.get("maxLength"),
    )


def _types(element: dict[str, Any], among: list[dict[str, Any]]) -> tuple[ElementType, ...]:
    if "contentReference" in element:
        return (ElementType(element["contentReference"][1:]),)
    if element["type"][0]["code"] in _BACKBONES and _is_backbone(element, among):
        return (ElementType(element["path"]),)
    return tuple(_type(kind) for kind in element["type"])


def _type(kind: dict[str, Any]) -> ElementType:
    code = kind["code"]
    if code.startswith(_SYSTEM_TYPE):
        code = _extension(kind, _FHIR_TYPE) or _last(code, ".").lower()
    targets = tuple(_last(target) for target in kind.get("targetProfile", ()))
    if code in _POINTERS and not targets:
        targets = ("Resource",)
    return ElementType(code, tuple(kind.get("profile", ())), targets)


def _constraints(element: dict[str, Any]) -> tuple[Constraint, ...]:
    return tuple(
        Constraint(each["key"], each["severity"], each["human"], each.get("expression"))
        for each in element.get("constraint", ())
    )


def _without_repeats(node: Node, own: dict[str, set[str]]) -> Node:
    """Take out of each element the constraints that every type of it carries by itself (``ele-1`` and such)."""
    elements = []
    for element in node.elements:
        carried = set.intersection(*(own[kind.code] for kind in element.types))
        kept = tuple(constraint for constraint in element.constraints if constraint.key not in carried)
        elements.append(replace(element, constraints=kept))
    return replace(node, elements=tuple(elements))


def _extension(carrier: dict[str, Any], url: str) -> str | None:
    for extension in carrier.get("extension", ()):
        if extension["url"] == url:
            return next(str(value) for name, value in extension.items() if name.startswith("value"))
    return None


def _unversioned(canonical: str | None) -> str | None:
    return canonical.split("|")[0] if canonical else None


def _last(text: str, separator: str = "/") -> str:
    return text.rsplit(separator, 1)[-1]
