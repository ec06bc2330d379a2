"""What reads the values of a field from an element.

Spec: https://hl7.org/fhir/R4/graphql.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from graphql.language import FieldNode

from fhir_api.model.keys import ResourceKey, is_logical_id
from fhir_api.model.references import parse_restful
from fhir_api.operations.graphql.errors import QueryError
from fhir_api.operations.graphql.filters import Filter
from fhir_api.operations.graphql.records import Missing, Records, Search
from fhir_api.operations.graphql.tree import CONNECTION, QUERY, Element, Members, children, is_resource, shown

Read = Callable[[Element, Records], list[Element]]
"""Returns the values of a field; none as long as they are still to be fetched."""
MakeSearch = Callable[[Element, Records], Search]

_ONE_ID: Final = {"id", "_id"}


def elements(key: str, type_name: str, keep: Filter | None) -> Read:
    """Read a JSON property."""
    if keep is None:
        return lambda parent, _records: children(parent, key, type_name)

    def read(parent: Element, records: Records) -> list[Element]:
        found = children(parent, key, type_name)
        records.budget.spend(len(found))
        return keep(found)

    return read


def type_name(parent: Element, _records: Records) -> list[Element]:
    """Read the name of the type."""
    return [Element(shown(parent.type), "string", parent.resource)]


def by_id(resource_type: str, arguments: Mapping[str, Any], node: FieldNode) -> Read:
    """Read ``Patient(id: …)``."""
    (logical_id,) = arguments.values() if len(arguments) == 1 and arguments.keys() <= _ONE_ID else (None,)
    if type(logical_id) is not str or not is_logical_id(logical_id):
        raise QueryError(f"'{resource_type}' needs an 'id' and nothing else", node)
    key = ResourceKey(resource_type, logical_id)

    def read(_parent: Element, records: Records) -> list[Element]:
        found = records.resource(key)
        if found is None:
            raise QueryError(f"There is no {key}", node, code="not-found")
        return _resources(found)

    return read


def reference(arguments: Mapping[str, Any], node: FieldNode) -> Read:
    """Read ``Reference.resource``, with ``optional`` and ``type``."""
    known = {"optional", "type"}
    is_optional, wanted = arguments.get("optional", False), arguments.get("type")
    if arguments.keys() - known or type(is_optional) is not bool:
        raise QueryError("'resource' takes 'type' and the Boolean 'optional'", node)
    if wanted is not None and not (type(wanted) is str and is_resource(wanted)):
        raise QueryError("'type' of 'resource' has to be a resource type", node)

    def read(parent: Element, records: Records) -> list[Element]:
        text = parent.value.get("reference")
        if text is None:
            return []
        found = _target(text, wanted, parent, records)
        if found is None and not is_optional:
            raise QueryError("A reference leads to nothing on this server; 'optional: true' allows that", node)
        if not isinstance(found, dict) or (wanted is not None and found["resourceType"] != wanted):
            return []
        # what is contained may refer to what is contained beside it
        container = parent.resource if text.startswith("#") else found
        return [Element(found, found["resourceType"], container, parent.bundle)]

    return read


def _target(text: str, wanted: str | None, parent: Element, records: Records) -> Members | Missing | None:
    """Return what a reference leads to; one of another type than is wanted is as good as still to be fetched."""
    if text.startswith("#"):
        beside = (each for each in parent.resource.get("contained", ()) if each.get("id") == text[1:])
        return parent.resource if text == "#" else next(beside, None)
    inside = None if parent.bundle is None else records.bundled(parent.bundle, text)
    if inside is not None:
        return inside
    parsed = parse_restful(text)
    if parsed is None:
        return None
    if wanted is not None and parsed.key.resource_type != wanted:
        return Missing()
    return records.referred(parsed)


def search(
    resource_type: str, arguments: Mapping[str, Any], node: FieldNode, type_name: str, *, has_total: bool = False
) -> MakeSearch:
    """Return what makes the search that a field asks for; below a resource it names the reference that leads back."""
    given = dict(arguments)
    cursor, code = given.pop("_cursor", None), given.pop("_reference", None)
    if (cursor is not None and type(cursor) is not str) or (code is not None and type(code) is not str):
        raise QueryError("'_cursor' and '_reference' have to be texts", node)
    if (code is None) is not (type_name == QUERY):
        reason = "has no '_reference' here" if code is not None else "needs '_reference', the way back"
        raise QueryError(f"'{node.name.value}' {reason}", node)
    pairs = tuple((_code(name), _text(name, each, node)) for name, value in given.items() for each in _each(value))
    if code is None:
        made = Search(resource_type, pairs, has_total, cursor)
        return lambda _parent, _records: made
    back = _code(code)

    def make(parent: Element, records: Records) -> Search:
        if parent.value is not parent.resource:
            raise QueryError("Nothing outside can refer to a contained resource", node)
        if not records.reference_parameter(resource_type, back):
            raise QueryError(f"{resource_type} has no search parameter '{back}' on references", node)
        own = (back, f"{parent.type}/{parent.value.get('id', '')}")
        return Search(resource_type, (own, *pairs), has_total, cursor)

    return make


def matches(make: MakeSearch) -> Read:
    """Read ``PatientList``."""

    def read(parent: Element, records: Records) -> list[Element]:
        found = records.connection(make(parent, records))
        if isinstance(found, Missing):
            return []
        return [each for edge in found["edges"] if edge["mode"] == "match" for each in _resources(edge["resource"])]

    return read


def connection(make: MakeSearch) -> Read:
    """Read ``PatientConnection``."""

    def read(parent: Element, records: Records) -> list[Element]:
        found = records.connection(make(parent, records))
        return [] if isinstance(found, Missing) else [Element(found, CONNECTION, {})]

    return read


def _resources(found: Members | Missing) -> list[Element]:
    return [] if isinstance(found, Missing) else [Element(found, found["resourceType"], found)]


def _code(name: str) -> str:
    """Return a search parameter's code: names of GraphQL have no hyphen."""
    return name if name.startswith("_") else name.replace("_", "-")


def _each(value: Any) -> list[Any]:
    return value if type(value) is list else [value]


def _text(name: str, value: Any, node: FieldNode) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | Decimal():
            return str(value)
        case _:
            raise QueryError(f"'{name}' has to be a text, a number, a Boolean or a list of these", node)
