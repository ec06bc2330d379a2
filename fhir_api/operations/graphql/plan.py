"""A query compiled: for each selection on a type, the fields with what reads them.

What depends on the type of a resource that only shows when it is read (``resource``, ``contained``) is compiled then.

Spec: https://hl7.org/fhir/R4/graphql.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from graphql.language import SelectionSetNode

from fhir_api.fhirpath import model
from fhir_api.fhirpath.model import RESOURCE
from fhir_api.operations.graphql import readers
from fhir_api.operations.graphql.document import Document
from fhir_api.operations.graphql.errors import QueryError
from fhir_api.operations.graphql.filters import list_filter
from fhir_api.operations.graphql.readers import Read
from fhir_api.operations.graphql.selection import MOST_DEPTH, Collector, Selected
from fhir_api.operations.graphql.shape import Shape, shape_of
from fhir_api.operations.graphql.tree import QUERY, is_leaf, is_resource, members

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
_Target = tuple[Read, bool, str | None]
"""What reads a field, whether it is a list, and its type: None where only its values tell, empty for a leaf."""


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
        read, is_list, kind = self._target(selected, type_name)
        node = selected.node
        if (kind == "") == bool(selected.inner):
            expected = "no fields" if kind == "" else "fields"
            raise QueryError(f"'{node.name.value}' has to be asked for with {expected} of its own", node)
        inner = None

        if kind != "":

            def inner(actual: str) -> Plan:
                return self.plan(selected.inner, actual, depth + 1)

            if kind is not None:
                inner(kind)
        return Field(selected, read, is_list, shape_of(self._document, node.directives or (), kind or None), inner)

    def _target(self, selected: Selected, type_name: str) -> _Target:
        node, name = selected.node, selected.node.name.value
        arguments = self._document.arguments(node)
        if name[0].isupper() and (type_name == QUERY or is_resource(type_name)):
            return self._of_server(selected, type_name)
        if name == "resource" and type_name == _REFERENCE:
            return readers.reference(arguments, node), False, None
        member = members(type_name).get(name)
        if member is not None and member.is_list:
            keep = list_filter(arguments, member.type, node)
            return readers.elements(name, member.type, keep), True, _kind(member.type)
        if arguments:
            raise QueryError(f"'{name}' takes no arguments", node)
        if member is not None:
            return readers.elements(name, member.type, None), False, _kind(member.type)
        return self._other(selected, type_name)

    def _other(self, selected: Selected, type_name: str) -> _Target:
        """Return the target of a field that is no element: companions of primitives, names of types."""
        node, name = selected.node, selected.node.name.value
        if name == "__typename":
            return readers.type_name, False, ""
        if name == "resourceType" and is_resource(type_name):
            return readers.type_name, False, ""
        companion = members(type_name).get(name.removeprefix("_")) if name.startswith("_") else None
        if companion is not None and is_leaf(companion.type):
            return readers.elements(name, companion.type, None), companion.is_list, companion.type
        raise QueryError(f"There is no field '{name}' on {type_name}", node)

    def _of_server(self, selected: Selected, type_name: str) -> _Target:
        """Return the target of ``Patient``, ``PatientList`` and ``PatientConnection``."""
        node, name = selected.node, selected.node.name.value
        arguments = self._document.arguments(node)
        if type_name == QUERY and is_resource(name):
            return readers.by_id(name, arguments, node), False, name
        for ending, kind in (("List", None), ("Connection", "Connection")):
            resource_type = name.removesuffix(ending)
            if name.endswith(ending) and is_resource(resource_type):
                # a List is a resource type as well, and there may be a list of them
                has_total = any(_asks(selection, "count") for selection in selected.inner)
                make = readers.search(
                    resource_type, arguments, node, type_name, has_total=has_total and kind is not None
                )
                if kind is None:
                    return readers.matches(make), True, resource_type
                return readers.connection(make), False, kind
        raise QueryError(f"There is no field '{name}' on {type_name}", node)


def _kind(type_name: str) -> str | None:
    if type_name == RESOURCE:
        return None
    return "" if model.is_primitive(type_name) else type_name


def _asks(selection: SelectionSetNode, name: str) -> bool:
    """Tell whether a selection may ask for a field: it does, or spreads a fragment."""
    return any(
        getattr(getattr(node, "name", None), "value", name) == name or node.kind != "field"
        for node in selection.selections
    )
