"""Which fields a selection asks for on a type: fragments spread, conditions applied, repetitions joined.

A name that two fragments ask for is one field. A name that stands twice in the same selection is two fields, whose
values come out as a list: so the official cases want it.

Spec: https://spec.graphql.org/October2021/#CollectFields()
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from graphql.language import (
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    NamedTypeNode,
    SelectionSetNode,
)

from fhir_api.fhirpath import model
from fhir_api.operations.graphql.document import Document
from fhir_api.operations.graphql.errors import QueryError
from fhir_api.operations.graphql.shape import is_included
from fhir_api.operations.graphql.tree import QUERY

MOST_FIELDS: Final = 2000
"""Fields of a query after its fragments are spread."""
MOST_DEPTH: Final = 30


@dataclass(slots=True)
class Selected:
    """One field that is asked for.

    Attributes:
        key: the name in the answer.
        node: where it stood first.
        inner: its selections, of every place where it stood.
    """

    key: str
    node: FieldNode
    inner: list[SelectionSetNode] = field(default_factory=list)
    _places: set[int] = field(default_factory=set)

    def join(self, node: FieldNode, place: int) -> bool:
        """Take in the same field of another place; False where it cannot be joined."""
        if place in self._places:
            return False
        if node.name.value != self.node.name.value or _written(node) != _written(self.node):
            raise QueryError(f"'{self.key}' is asked for in two ways", node)
        self.take(node, place)
        return True

    def take(self, node: FieldNode, place: int) -> None:
        """Note the field as it stands at a place."""
        self._places.add(place)
        if node.selection_set is not None:
            self.inner.append(node.selection_set)


class Collector:
    """Collects the fields of selections, counting them."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._left = MOST_FIELDS

    def fields(self, selections: Sequence[SelectionSetNode], type_name: str) -> list[Selected]:
        """Return the fields that *selections* ask for on a type, in order.

        Raises:
            QueryError: an unknown fragment or type, a fragment inside itself, too many fields.
        """
        found: list[Selected] = []
        for selection in selections:
            for node, place in self._spread(selection, type_name, ()):
                self._take(found, node, place)
        return found

    def _take(self, found: list[Selected], node: FieldNode, place: int) -> None:
        key = node.alias.value if node.alias is not None else node.name.value
        for selected in found:
            if selected.key == key and selected.join(node, place):
                return
        selected = Selected(key, node)
        selected.take(node, place)
        found.append(selected)

    def _spread(
        self, selection: SelectionSetNode, type_name: str, inside: tuple[str, ...]
    ) -> Iterator[tuple[FieldNode, int]]:
        for node in selection.selections:
            self._left -= 1
            if self._left < 0:
                raise QueryError(f"The query has more than {MOST_FIELDS} fields", code="too-costly")
            if not is_included(self._document, node):
                continue
            match node:
                case FieldNode():
                    yield node, id(selection)
                case InlineFragmentNode():
                    if node.type_condition is None or is_on(node.type_condition, type_name):
                        yield from self._spread(node.selection_set, type_name, inside)
                case FragmentSpreadNode():
                    yield from self._named(node, type_name, inside)

    def _named(
        self, node: FragmentSpreadNode, type_name: str, inside: tuple[str, ...]
    ) -> Iterator[tuple[FieldNode, int]]:
        name = node.name.value
        fragment = self._document.fragments.get(name)
        if fragment is None or name in inside or len(inside) > MOST_DEPTH:
            raise QueryError(f"There is no fragment '{name}', or it spreads itself", node)
        if is_on(fragment.type_condition, type_name):
            yield from self._spread(fragment.selection_set, type_name, (*inside, name))


def is_on(condition: NamedTypeNode, type_name: str) -> bool:
    """Tell whether a type condition holds for a type.

    Raises:
        QueryError: there is no such type.
    """
    wanted = condition.name.value
    if wanted == QUERY:
        return type_name == QUERY
    if not model.has_type(wanted):
        raise QueryError(f"There is no type '{wanted}'", condition)
    return model.has_type(type_name) and model.is_subtype(type_name, wanted)


def _written(node: FieldNode) -> list[tuple[str, object]]:
    return sorted((argument.name.value, argument.value.to_dict()) for argument in node.arguments or ())
