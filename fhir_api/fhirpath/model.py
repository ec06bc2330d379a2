"""What R4's types say about paths: which element a name is, in which JSON property, of which type.

Spec: https://hl7.org/fhir/R4/fhirpath.html#types
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from conformance import types
from fhir_api.fhirpath.ast import TypeSpecifier
from fhir_api.fhirpath.errors import FhirPathSemanticError

_SYSTEM_NAMES: Final = frozenset(
    {"Any", "Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity"}
)
RESOURCE: Final = "Resource"


class Member(NamedTuple):
    """An element with one type.

    Attributes:
        key: its JSON property.
        type: its FHIR type.
        is_list: whether it may stand more than once.
    """

    key: str
    type: str
    is_list: bool


class Choice(NamedTuple):
    """An element ``name[x]``.

    Attributes:
        name: without ``[x]``.
        members: the JSON properties it may be.
        is_list: whether it may stand more than once (never in R4).
    """

    name: str
    members: tuple[Member, ...]
    is_list: bool = False


class TypeMatch(NamedTuple):
    """A type specifier resolved: the FHIR type, the System type, or, for a name that both have, both."""

    fhir: str | None
    system: str | None


@cache
def members(type_name: str) -> Mapping[str, Member | Choice]:
    """Return the elements of a FHIR type by name; none for a type that R4 does not have."""
    node = types.nodes().get(type_name)
    if node is None:
        return {}
    found: dict[str, Member | Choice] = {}
    for element in node.elements:
        is_list = element.max is None or element.max > 1
        options = tuple(Member(key, kind.code, is_list) for key, kind in element.json_names().items())
        found[element.name] = Choice(element.name, options, is_list) if element.is_choice else options[0]
    if node.kind == "resource" and "id" in found:
        # the definition says System.String; what stands there is an id
        found["id"] = Member("id", "id", is_list=False)
    return found


@cache
def json_members(type_name: str) -> Mapping[str, Member]:
    """Return the elements of a FHIR type by JSON property."""
    found: dict[str, Member] = {}
    for member in members(type_name).values():
        for option in member.members if isinstance(member, Choice) else (member,):
            found[option.key] = option
    return found


@cache
def is_primitive(type_name: str) -> bool:
    """Tell whether a FHIR type is primitive."""
    node = types.nodes().get(type_name)
    return node is not None and node.kind == "primitive-type"


@cache
def is_resource(type_name: str) -> bool:
    """Tell whether a FHIR type is a resource, abstract or not."""
    node = types.nodes().get(type_name)
    return node is not None and node.kind == "resource"


@cache
def is_abstract(type_name: str) -> bool:
    """Tell whether nothing is just this type."""
    node = types.nodes().get(type_name)
    return node is None or node.abstract


@cache
def is_subtype(type_name: str, ancestor: str) -> bool:
    """Tell whether a type is *ancestor* or derives from it."""
    return type_name == ancestor or types.is_subtype(type_name, ancestor)


@cache
def has_subtypes(type_name: str) -> bool:
    """Tell whether other types derive from a FHIR type."""
    return any(node.base == type_name for node in types.nodes().values())


def has_type(type_name: str) -> bool:
    """Tell whether R4 has the type."""
    return type_name in types.nodes()


def resolve_type(specifier: TypeSpecifier) -> TypeMatch:
    """Return what a type specifier means; an unqualified name is looked up in FHIR and in System.

    Raises:
        FhirPathSemanticError: there is no such type.
    """
    name, namespace = specifier.name, specifier.namespace
    if namespace == "FHIR":
        match = TypeMatch(name if has_type(name) else None, None)
    elif namespace == "System":
        # a name System lacks matches nothing: the official suite asks for ``Patient.is(System.Patient)``
        return TypeMatch(None, f"System.{name}")
    else:
        full = f"{namespace}.{name}" if namespace else name
        match = TypeMatch(full if has_type(full) else None, f"System.{full}" if full in _SYSTEM_NAMES else None)
    if match.fhir is None and match.system is None:
        raise FhirPathSemanticError(f"There is no type '{name}'", specifier.position)
    return match


@cache
def is_type(type_name: str, match: TypeMatch) -> bool:
    """Tell whether ``is`` holds for a value of *type_name*."""
    if type_name.startswith("System."):
        return match.system in (type_name, "System.Any")
    return match.fhir is not None and is_subtype(type_name, match.fhir)


@cache
def is_selected(type_name: str, match: TypeMatch) -> bool:
    """Tell whether ``as`` and ``ofType`` keep a value of *type_name*; a primitive has to be just that type."""
    if match.fhir is not None and is_primitive(match.fhir):
        return type_name == match.fhir
    return is_type(type_name, match)
