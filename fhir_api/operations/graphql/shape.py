"""Directives: whether a field counts, and how its values come out.

Spec: https://hl7.org/fhir/R4/graphql.html#flatten, https://spec.graphql.org/October2021/#sec-Type-System.Directives
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from graphql.language import DirectiveNode, FieldNode, SelectionNode

from fhir_api import fhirpath
from fhir_api.fhirpath import Environment, FhirPathError
from fhir_api.operations.graphql.document import Document
from fhir_api.operations.graphql.errors import QueryError
from fhir_api.operations.graphql.tree import Element

_CONDITIONS: Final = {"include": True, "skip": False}
_SHAPES: Final = frozenset({"flatten", "first", "singleton", "slice"})
_INDEX: Final = "$index"

Slice = Callable[[Element, int], str]
"""Returns what is put behind a name, by the element and its place in the list."""


class Shape(NamedTuple):
    """How the values of a field come out.

    Attributes:
        is_flat: children of the values become children of what holds them, as lists.
        is_first: only the first value counts.
        is_single: there is one value, not a list.
        suffix: of ``@slice``; None without it.
    """

    is_flat: bool = False
    is_first: bool = False
    is_single: bool = False
    suffix: Slice | None = None


def is_included(document: Document, node: SelectionNode) -> bool:
    """Tell whether ``@include`` and ``@skip`` let a field or fragment through.

    Raises:
        QueryError: a directive that is not known here, or a condition that is no Boolean.
    """
    is_field = isinstance(node, FieldNode)
    # every directive is looked at, so that one that is not known is refused
    passed = [_lets_through(document, directive, is_field=is_field) for directive in node.directives or ()]
    return all(passed)


def _lets_through(document: Document, directive: DirectiveNode, *, is_field: bool) -> bool:
    name = directive.name.value
    if name in _CONDITIONS:
        condition = document.arguments(directive).get("if")
        if type(condition) is not bool:
            raise QueryError(f"@{name} needs a Boolean 'if'", directive)
        return condition is _CONDITIONS[name]
    if not is_field or name not in _SHAPES:
        raise QueryError(f"There is no directive '@{name}' here", directive)
    return True


def shape_of(document: Document, directives: Iterable[DirectiveNode], type_name: str | None) -> Shape:
    """Return the shape that the directives of a field give its values, of the FHIR type *type_name*.

    Raises:
        QueryError: the path of a slice cannot be read.
    """
    found = {directive.name.value: directive for directive in directives}
    sliced = found.get("slice")
    return Shape(
        "flatten" in found,
        "first" in found,
        "singleton" in found,
        None if sliced is None else _slice(document, sliced, type_name),
    )


def _slice(document: Document, directive: DirectiveNode, type_name: str | None) -> Slice:
    path = document.arguments(directive).get("path")
    if type(path) is not str:
        raise QueryError("@slice needs a FHIRPath as 'path'", directive)
    if path.strip() == _INDEX:
        return lambda _element, index: f".{index}"
    evaluate = expression(path, type_name, directive)

    def suffix(element: Element, _index: int) -> str:
        found = evaluate(element)
        return f".{found[0]}" if found else ""

    return suffix


def expression(text: str, type_name: str | None, node: DirectiveNode | FieldNode) -> Callable[[Element], list[Any]]:
    """Return what evaluates a FHIRPath on an element.

    Raises:
        QueryError: here or later, the expression is none or cannot be evaluated.
    """
    try:
        compiled = fhirpath.compile(text, type_name=type_name)
    except FhirPathError as error:
        raise QueryError(f"The FHIRPath cannot be read ({error.position})", node) from None

    def evaluate(element: Element) -> list[Any]:
        try:
            return compiled(element.value, Environment(resource=element.resource))
        except FhirPathError as error:
            raise QueryError(f"The FHIRPath cannot be evaluated: {error.problem}", node) from None

    return evaluate
