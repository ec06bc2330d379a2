"""What a query walks over: elements of resources, and the few objects that only queries know.

Spec: https://hl7.org/fhir/R4/graphql.html#searching
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from fhir_api.fhirpath import model
from fhir_api.fhirpath.model import RESOURCE, Member

Members = dict[str, Any]
"""A JSON object."""
QUERY: Final = "Query"
"""The type of the root at system level."""
CONNECTION: Final = "Connection"
"""The type of one page of a search; ``PatientConnection`` ends in it."""


class Element(NamedTuple):
    """A value with what is needed to go on from it.

    Attributes:
        value: JSON.
        type: FHIR type, or one of ``Query``, ``Connection``, ``Edge``.
        resource: the resource that contains it, for references to contained resources.
        bundle: the Bundle that contains that resource, for references between its entries.
    """

    value: Any
    type: str
    resource: Members
    bundle: Members | None = None


_OWN: Final[dict[str, dict[str, Member]]] = {
    QUERY: {},
    CONNECTION: {
        **{name: Member(name, "integer", is_list=False) for name in ("count", "offset", "pagesize")},
        "edges": Member("edges", "Edge", is_list=True),
        **{name: Member(name, "string", is_list=False) for name in ("first", "previous", "next", "last")},
    },
    "Edge": {
        "mode": Member("mode", "code", is_list=False),
        "score": Member("score", "decimal", is_list=False),
        "resource": Member("resource", RESOURCE, is_list=False),
    },
}


def members(type_name: str) -> Mapping[str, Member]:
    """Return the elements of a type by JSON property, without the companions of primitives."""
    own = _OWN.get(type_name)
    return model.json_members(type_name) if own is None else own


def is_leaf(type_name: str) -> bool:
    """Tell whether values of a type have no fields."""
    return model.is_primitive(type_name)


def is_resource(type_name: str) -> bool:
    """Tell whether a type is a resource type that instances can have."""
    return model.is_resource(type_name) and not model.is_abstract(type_name)


def shown(type_name: str) -> str:
    """Return ``__typename``: a type of GraphQL has no points."""
    first, *rest = type_name.split(".")
    return first + "".join(part[0].upper() + part[1:] for part in rest)


def children(parent: Element, key: str, type_name: str) -> list[Element]:
    """Return the elements that a JSON property holds; null stands for none."""
    value = parent.value.get(key)
    values = value if type(value) is list else [value]
    found = [each for each in values if each is not None]
    resource, bundle = parent.resource, parent.bundle
    if type_name != RESOURCE:
        return [Element(each, type_name, resource, bundle) for each in found]
    if resource.get("resourceType") == "Bundle":
        bundle = resource
    # a contained resource may refer to those beside it, any other stands alone
    return [
        Element(each, str(each.get("resourceType")), resource if key == "contained" else each, bundle) for each in found
    ]
