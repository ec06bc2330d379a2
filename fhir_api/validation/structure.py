"""What the definitions demand of an element's members, laid out for checking.

What depends on the names of the members alone (unknown elements, missing elements, two types of one choice) is told by
:meth:`Structure.problems`; what depends on the values is told by the content of each :class:`Property`.

Spec: https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import NamedTuple

from conformance.types import Binding, Element, ElementType, is_subtype, node
from conformance.value_sets import bound_value_sets
from fhir_api.validation.primitives import ELEMENT_ID, FORMATS, Format
from fhir_api.validation.references import CONDITIONAL, OPAQUE, RESOURCE_TYPES


class Slot(Enum):
    """A place for a whole resource."""

    ANY = "resource"
    CONTAINED = "contained"


class StructureKey(NamedTuple):
    """Which structure: a node, and what its place adds to it.

    Attributes:
        node: name of the definition's node.
        targets: what a Reference here may show (see :mod:`fhir_api.validation.references`); None where it is no
            Reference.
        value_set: the required value set of a CodeableConcept.
        is_contained: whether this is a contained resource, or the meta of one.
        is_simple: whether it is a Quantity that may have no comparator (SimpleQuantity).
    """

    node: str
    targets: frozenset[str] | None = None
    value_set: str | None = None
    is_contained: bool = False
    is_simple: bool = False


class CodedFormat(NamedTuple):
    """A primitive whose value has to be one of some codes."""

    codes: frozenset[str]
    value_set: str


class LiteralReference(NamedTuple):
    """The text of ``Reference.reference``."""

    targets: frozenset[str]


Content = Format | CodedFormat | LiteralReference | StructureKey | Slot


@dataclass(frozen=True, slots=True)
class Property:
    """A JSON property that an element may have.

    Attributes:
        name: as in JSON: ``birthDate``, ``_birthDate``, ``valueQuantity``.
        step: as in FHIRPath: ``birthDate``, ``value``.
        content: what one value is.
        repeats: whether it is an array.
        min: least number of values in the array.
        max: greatest number; None is any.
        companion: the other one of ``birthDate`` and ``_birthDate``; None for what has no companion.
        element: the definition; None for ``resourceType`` and for a companion such as ``_birthDate``.
    """

    name: str
    step: str
    content: Content
    repeats: bool = False
    min: int = 0
    max: int | None = None
    companion: str | None = None
    element: Element | None = None


class Problem(NamedTuple):
    """A rule the names of an element's members break.

    Attributes:
        code: of http://hl7.org/fhir/issue-type.
        step: the element concerned; None is the one that has the members.
        diagnostics: found and expected.
        details: codes of the kind of problem.
    """

    code: str
    step: str | None
    diagnostics: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Structure:
    """The members an element may and must have.

    Attributes:
        key: which structure this is.
        properties: by JSON name.
        required: name of each element that has to be there, with the JSON names any of which will do.
        choices: name of each choice, with the JSON names of each of its types.
    """

    key: StructureKey
    properties: dict[str, Property]
    required: tuple[tuple[str, frozenset[str]], ...]
    choices: tuple[tuple[str, tuple[frozenset[str], ...]], ...]

    def problems(self, names: Collection[str]) -> Iterator[Problem]:
        """Yield each rule that these member names break, in the order of the rules."""
        if not names:
            yield Problem("structure", None, "Found an empty object, expected at least one member.", _EMPTY)
            return
        if len(names) == 1 and "id" in names and "resourceType" not in self.properties and self.key != COMPANION:
            yield Problem("structure", None, "Found nothing but an id, expected a value or children (ele-1).", _EMPTY)
        for name in names:
            if name not in self.properties:
                yield self._unknown(name)
        for step, candidates in self.required:
            if candidates.isdisjoint(names):
                yield Problem("required", step, f"'{step}' is missing; {self.key.node} requires it.", _MISSING)
        for step, types in self.choices:
            found = [kind for kind in types if not kind.isdisjoint(names)]
            if len(found) > 1:
                yield Problem(
                    "structure", step, f"Found {len(found)} types of '{step}[x]', expected at most one.", _TYPES
                )
        if self.key.node == "Extension":
            yield from _extension_problems(names)

    def _unknown(self, name: str) -> Problem:
        if self.key.is_simple and name.removeprefix("_") == _COMPARATOR:
            return Problem("structure", name, "A simple Quantity has no comparator (sqty-1).", _SQTY_1)
        if not name.isidentifier() or len(name) > _LONGEST_NAME or not name.isascii():
            return Problem("structure", None, f"Found a member that {self.key.node} does not have.", _UNKNOWN)
        where = "A contained" if self.key.is_contained else "The type"
        return Problem("structure", name, f"{where} {self.key.node} has no element '{name}'.", _UNKNOWN)


_LONGEST_NAME = 64
_EMPTY = ("element-empty", "ele-1")
_MISSING = ("cardinality-min",)
_TYPES = ("choice-types",)
_UNKNOWN = ("element-unknown",)
_EXT_1 = ("invariant", "ext-1")
_SQTY_1 = ("invariant", "sqty-1")
_COMPARATOR = "comparator"
_SIMPLE_QUANTITY = "http://hl7.org/fhir/StructureDefinition/SimpleQuantity"
_CONTAINED_META = frozenset({"versionId", "lastUpdated", "security"})


def _extension_problems(names: Collection[str]) -> Iterator[Problem]:
    has_value = any(name.startswith(("value", "_value")) for name in names)
    if has_value and "extension" in names:
        yield Problem(
            "structure", None, "Found both a value and nested extensions, expected one of them (ext-1).", _EXT_1
        )
    elif not has_value and "extension" not in names:
        yield Problem(
            "structure", None, "Found neither a value nor nested extensions, expected one of them (ext-1).", _EXT_1
        )


@cache
def structure(key: StructureKey) -> Structure:
    """Return the structure for *key*, made from the definitions at first use."""
    definition = node(key.node)
    is_resource = definition.kind == "resource"
    elements = [element for element in definition.elements if not _is_left_out(key, element)]
    properties: dict[str, Property] = {}
    if is_resource:
        properties["resourceType"] = Property("resourceType", "resourceType", _TYPE_NAME)
    for element in elements:
        for each in _properties(key, element, is_resource=is_resource):
            properties[each.name] = each
    required = [
        (element.name, frozenset(_names(element)))
        for element in elements
        if element.min or _is_contained_id(key, element)
    ]
    choices = [
        (element.name, tuple(frozenset({name, f"_{name}"}) for name in element.json_names()))
        for element in elements
        if element.is_choice
    ]
    return Structure(key, properties, tuple(required), tuple(choices))


# Which type it is has been seen when its structure was chosen.
_TYPE_NAME = CodedFormat(RESOURCE_TYPES, "http://hl7.org/fhir/ValueSet/resource-types")


def _is_left_out(key: StructureKey, element: Element) -> bool:
    """Tell what a contained resource (dom-2, dom-4, dom-5) or a simple Quantity (sqty-1) may not have."""
    if key.is_simple:
        return element.name == _COMPARATOR
    if not key.is_contained:
        return False
    return element.name in _CONTAINED_META if key.node == "Meta" else element.name == "contained"


def _is_contained_id(key: StructureKey, element: Element) -> bool:
    return key.is_contained and key.node != "Meta" and element.name == "id"


def _names(element: Element) -> Iterator[str]:
    for name, kind in element.json_names().items():
        yield name
        if kind.code in FORMATS:
            yield f"_{name}"


def _properties(key: StructureKey, element: Element, *, is_resource: bool) -> Iterator[Property]:
    repeats = element.max is None or element.max > 1
    for name, kind in element.json_names().items():
        content = _content(key, element, kind)
        if name == "id":
            # the definitions say string; the text says id for a resource, and no white space for an element
            yield Property(name, name, FORMATS["id"] if is_resource else ELEMENT_ID)
        elif isinstance(content, Format | CodedFormat | LiteralReference) and not _is_bare(element, kind):
            companion = f"_{name}"
            yield Property(name, element.name, content, repeats, element.min, element.max, companion, element)
            yield Property(companion, element.name, COMPANION, repeats, element.min, element.max, name)
        else:
            yield Property(name, element.name, content, repeats, element.min, element.max, None, element)


COMPANION = StructureKey("Element")
"""What a property such as ``_birthDate`` holds."""


def _is_bare(element: Element, kind: ElementType) -> bool:
    """Tell whether a primitive can have neither id nor extensions: attributes of XML and XHTML."""
    return element.is_attribute or kind.code == "xhtml"


def _content(key: StructureKey, element: Element, kind: ElementType) -> Content:
    if key.targets is not None and element.name == "reference":
        return LiteralReference(key.targets)
    codes = _required_codes(element)
    content: Content
    match kind.code:
        case "Resource":
            content = Slot.CONTAINED if element.name == "contained" else Slot.ANY
        case "Reference":
            content = StructureKey("Reference", targets=_targets(kind.target_profiles))
        case "CodeableConcept" if codes is not None:
            content = StructureKey("CodeableConcept", value_set=codes.value_set)
        case "Meta":
            content = StructureKey("Meta", is_contained=key.is_contained)
        case "Quantity" if _SIMPLE_QUANTITY in kind.profiles:
            content = StructureKey("Quantity", is_simple=True)
        case "code" if codes is not None:
            content = codes
        case code:
            content = FORMATS[code] if code in FORMATS else StructureKey(code)
    return content


def _required_codes(element: Element) -> CodedFormat | None:
    if element.binding is None or element.binding.strength != "required" or element.binding.value_set is None:
        return None
    return _coded_format(element.binding.value_set)


def is_left_to_terminology(binding: Binding, type_code: str) -> bool:
    """Tell whether a binding is required, but no structure checks it."""
    if binding.strength != "required" or binding.value_set is None:
        return False
    return type_code not in ("code", "CodeableConcept") or _coded_format(binding.value_set) is None


@cache
def _coded_format(value_set: str) -> CodedFormat | None:
    codes = bound_value_sets().get(value_set)
    if codes is None or codes.open_because is not None:
        return None
    return CodedFormat(frozenset(code for members in codes.systems.values() for code in members), value_set)


@cache
def concepts(value_set: str) -> frozenset[tuple[str, str]]:
    """Return (system, code) of each concept of a value set that a required binding uses."""
    systems = bound_value_sets()[value_set].systems
    return frozenset((system, code) for system, codes in systems.items() for code in codes)


@cache
def _targets(profiles: tuple[str, ...]) -> frozenset[str]:
    """Return what a literal reference may show, for a Reference that may point at *profiles*."""
    allowed = {
        name for name in RESOURCE_TYPES if not profiles or any(is_subtype(name, ancestor) for ancestor in profiles)
    }
    return frozenset({OPAQUE} | allowed | {CONDITIONAL + name for name in allowed})
