"""Arguments of a list: which of its elements are wanted.

Spec: https://hl7.org/fhir/R4/graphql.html#lists
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from graphql.language import FieldNode

from fhir_api.fhirpath.model import RESOURCE
from fhir_api.formats.xml_rules import NUMBER_TYPES
from fhir_api.operations.graphql.errors import QueryError
from fhir_api.operations.graphql.shape import expression
from fhir_api.operations.graphql.tree import Element, is_leaf, members

_RANGE: Final = ("_offset", "_count")

Filter = Callable[[list[Element]], list[Element]]


def list_filter(arguments: dict[str, Any], type_name: str, node: FieldNode) -> Filter | None:
    """Return what picks the wanted elements of a list; None where all are.

    Elements are picked by the values of their own elements (``name(use: official)``; one of a list of values is
    enough), by ``fhirpath``, and then by their place, ``_offset`` and ``_count``.

    Raises:
        QueryError: an argument is no element of the type, or has a value of another type.
    """
    tests = [_test(name, value, type_name, node) for name, value in arguments.items() if name not in _RANGE]
    start, count = (_number(arguments, name, node) for name in _RANGE)
    if not tests and start is None and count is None:
        return None
    first = start or 0
    end = None if count is None else first + count
    return lambda elements: [each for each in elements if all(test(each) for test in tests)][first:end]


def _number(arguments: dict[str, Any], name: str, node: FieldNode) -> int | None:
    value = arguments.get(name)
    if value is not None and (type(value) is not int or value < 0):
        raise QueryError(f"'{name}' has to be a number from 0", node)
    return value


def _test(name: str, value: Any, type_name: str, node: FieldNode) -> Callable[[Element], bool]:
    if name == "fhirpath":
        if type(value) is not str:
            raise QueryError("'fhirpath' has to be a text", node)
        evaluate = expression(value, None if type_name == RESOURCE else type_name, node)
        return lambda element: evaluate(element) == [True]
    member = None if is_leaf(type_name) else members(type_name).get(name)
    if member is None or not is_leaf(member.type):
        raise QueryError(f"There is no element '{name}' by which a list of {type_name} can be filtered", node)
    wanted = [_value(each, member.type, name, node) for each in (value if type(value) is list else [value])]

    def has_value(element: Element) -> bool:
        found = element.value.get(name)
        return any(each in wanted for each in found) if type(found) is list else found in wanted

    return has_value


def _value(value: Any, type_name: str, name: str, node: FieldNode) -> Any:
    expected: tuple[type, ...] = (str,)
    if type_name == "boolean":
        expected = (bool,)
    elif type_name in NUMBER_TYPES:
        expected = (int, Decimal)
    if type(value) not in expected:
        raise QueryError(f"'{name}' has to be a value of type {type_name}", node)
    return value
