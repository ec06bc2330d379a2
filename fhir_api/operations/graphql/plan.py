"""A query compiled: for each selection on a type, the fields with what reads them.

What depends on the type of a resource that only shows when it is read (``resource``, ``contained``) is compiled then.

Spec: https://hl7.org/fhir/R4/graphql.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from graphql.language import SelectionSetNode

from fhir_api.fhirpath.model import RESOURCE
from fhir_api.operations.graphql import readers
from fhir_api.operations.graphql.document import Document
from fhir_api.operations.graphql.errors import QueryError
from fhir_api.operations.graphql.filters import list_filter
from fhir_api.operations.graphql.readers import Read
from fhir_api.operations.graphql.selection import MOST_DEPTH, Collector, Selected
from fhir_api.operations.graphql.shape import Shape, shape_of
from fhir_api.operations.graphql.tree import CONNECTION, QUERY, is_leaf, is_resource, members

_REFERENCE: Final = "Reference"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a selection, compiled.

    Attributes:
        selected: as it was written.
        read: gives its values.
        is_list: whether there may be several.
        shape: how they come out.
        inner: gives the fields of a value, by its type; None where values have none.
    """

    selected: Selected
    read: Read
    is_list: bool
    shape: Shape
    inner: Callable[[str], Plan] | None


Plan = tuple[Field, ...]
"""The fields of a selection on one type."""


class _Target(NamedTuple):
    """What a field leads to.

    Attributes:
        read: gives its values.
        is_list: whether there may be several.
        type: of the values; None where only each value tells.
        is_leaf: values have no fields.
    """

    read: Read
    is_list: bool
    type: str | None
    is_leaf: bool = False


class Planner:
    """Compiles the selections of one document, each once for each type."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._collector = Collector(document)
        self._plans: dict[tuple[tuple[int, ...], str], Plan] = {}

    def plan(self, selections: Sequence[SelectionSetNode], type_name: str, depth: int = 0) -> Plan:
        """Return the fields that *selections* ask for on a type.

        Raises:
            QueryError: a field, argument or directive that the type does not have; the query nests too deep.
        """
        key = (tuple(map(id, selections)), type_name)
        found = self._plans.get(key)
        if found is None:
            if depth > MOST_DEPTH:
                raise QueryError(f"The query nests deeper than {MOST_DEPTH} levels", code="too-costly")
            fields = self._collector.fields(selections, type_name)
            found = self._plans[key] = tuple(self._field(selected, type_name, depth) for selected in fields)
        return found

    def _field(self, selected: Selected, type_name: str, depth: int) -> Field:
        target = self._target(selected, type_name, depth)
        node = selected.node
        if target.is_leaf is bool(selected.inner):
            expected = "no fields" if target.is_leaf else "fields"
            raise QueryError(f"'{node.name.value}' has to be asked for with {expected} of its own", node)
        shape = shape_of(self._document, node.directives or (), target.type)
        if target.is_leaf:
            return Field(selected, target.read, target.is_list, shape, None)

        def inner(actual: str) -> Plan:
            return self.plan(selected.inner, actual, depth + 1)

        if target.type is not None:
            inner(target.type)  # what is wrong is told even where no value comes
        return Field(selected, target.read, target.is_list, shape, inner)

    def _target(self, selected: Selected, type_name: str, depth: int) -> _Target:
        node, name = selected.node, selected.node.name.value
        if name[0].isupper() and (type_name == QUERY or is_resource(type_name)):
            return self._of_server(selected, type_name, depth)
        arguments = self._document.arguments(node)
        if name == "resource" and type_name == _REFERENCE:
            return _Target(readers.reference(arguments, node), is_list=False, type=None)
        member = members(type_name).get(name)
        keep = None
        if member is not None and member.is_list:
            keep = list_filter(arguments, member.type, node)
        elif arguments:
            raise QueryError(f"'{name}' takes no arguments", node)
        if member is None:
            return _other(selected, type_name)
        kind = None if member.type == RESOURCE else member.type
        return _Target(readers.elements(name, member.type, keep), member.is_list, kind, is_leaf(member.type))

    def _of_server(self, selected: Selected, type_name: str, depth: int) -> _Target:
        """Return the target of ``Patient``, ``PatientList`` and ``PatientConnection``."""
        node, name = selected.node, selected.node.name.value
        arguments = self._document.arguments(node)
        if type_name == QUERY and is_resource(name):
            return _Target(readers.by_id(name, arguments, node), is_list=False, type=name)
        searched = name.removesuffix("List")
        if searched != name and is_resource(searched):
            make = readers.search(searched, arguments, node, type_name)
            return _Target(readers.matches(make), is_list=True, type=searched)
        searched = name.removesuffix(CONNECTION)
        if searched != name and is_resource(searched):
            fields = self.plan(selected.inner, CONNECTION, depth + 1)
            has_total = any(field.selected.node.name.value == "count" for field in fields)
            make = readers.search(searched, arguments, node, type_name, has_total=has_total)
            return _Target(readers.connection(make), is_list=False, type=CONNECTION)
        raise _unknown(selected, type_name)


def _other(selected: Selected, type_name: str) -> _Target:
    """Return the target of a field that is no element: the name of the type, the companion of a primitive."""
    name = selected.node.name.value
    if name == "__typename" or (name == "resourceType" and is_resource(type_name)):
        return _Target(readers.type_name, is_list=False, type="string", is_leaf=True)
    primitive = members(type_name).get(name.removeprefix("_")) if name.startswith("_") else None
    if primitive is None or not is_leaf(primitive.type):
        raise _unknown(selected, type_name)
    return _Target(readers.elements(name, primitive.type, None), primitive.is_list, primitive.type)


def _unknown(selected: Selected, type_name: str) -> QueryError:
    node = selected.node
    return QueryError(f"There is no field '{node.name.value}' on {type_name}", node)
