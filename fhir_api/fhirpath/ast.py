"""The parts of a FHIRPath expression; each knows its place in the text.

Names are those of the grammar. Spec: https://hl7.org/fhirpath/N1/grammar.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

from fhir_api.fhirpath.errors import Position


@dataclass(frozen=True, slots=True)
class NullLiteral:
    """``{}``, the empty collection."""

    position: Position


@dataclass(frozen=True, slots=True)
class BooleanLiteral:
    """``true`` or ``false``."""

    position: Position
    value: bool


@dataclass(frozen=True, slots=True)
class StringLiteral:
    """A text in single quotes; *value* has its escapes resolved."""

    position: Position
    value: str


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """An Integer (*value* is an int) or a Decimal (with the digits that were written)."""

    position: Position
    value: int | Decimal


@dataclass(frozen=True, slots=True)
class LongLiteral:
    """An integer with the suffix ``L``."""

    position: Position
    value: int


@dataclass(frozen=True, slots=True)
class DateLiteral:
    """``@2015-02``; *text* is without the ``@``."""

    position: Position
    text: str


@dataclass(frozen=True, slots=True)
class DateTimeLiteral:
    """``@2015-02-04T14:34Z`` or ``@2015T``; *text* is without the ``@``."""

    position: Position
    text: str


@dataclass(frozen=True, slots=True)
class TimeLiteral:
    """``@T14:34``; *text* is without the ``@T``."""

    position: Position
    text: str


@dataclass(frozen=True, slots=True)
class QuantityLiteral:
    """``4 'mg'`` or ``3 days``.

    Attributes:
        value: as written.
        unit: the UCUM code, or the calendar word in the singular.
        is_calendar: the unit is a calendar word.
    """

    position: Position
    value: Decimal
    unit: str
    is_calendar: bool


@dataclass(frozen=True, slots=True)
class ExternalConstant:
    """``%name``, ``%'name'`` or a name in back quotes."""

    position: Position
    name: str


@dataclass(frozen=True, slots=True)
class ThisInvocation:
    """``$this``."""

    position: Position


@dataclass(frozen=True, slots=True)
class IndexInvocation:
    """``$index``."""

    position: Position


@dataclass(frozen=True, slots=True)
class TotalInvocation:
    """``$total``."""

    position: Position


@dataclass(frozen=True, slots=True)
class MemberInvocation:
    """A name: an element, or at the start of an expression also a type."""

    position: Position
    name: str


@dataclass(frozen=True, slots=True)
class FunctionInvocation:
    """``name(argument, …)``."""

    position: Position
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class InvocationExpression:
    """``expression.invocation``."""

    position: Position
    expression: Expression
    invocation: Invocation


@dataclass(frozen=True, slots=True)
class IndexerExpression:
    """``expression[index]``."""

    position: Position
    expression: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class PolarityExpression:
    """``+operand`` or ``-operand``."""

    position: Position
    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class BinaryExpression:
    """``left operator right`` for every operator but ``is`` and ``as``; *position* is the operator's."""

    position: Position
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class TypeSpecifier:
    """``name`` or ``namespace.name``; the namespaces are ``FHIR`` and ``System``."""

    position: Position
    namespace: str | None
    name: str


@dataclass(frozen=True, slots=True)
class TypeExpression:
    """``operand is type`` or ``operand as type``."""

    position: Position
    operator: str
    operand: Expression
    type_specifier: TypeSpecifier


@dataclass(frozen=True, slots=True)
class SortArgument:
    """``expression asc`` or ``expression desc``, only as an argument of ``sort()``."""

    position: Position
    expression: Expression
    is_descending: bool


Literal = (
    NullLiteral
    | BooleanLiteral
    | StringLiteral
    | NumberLiteral
    | LongLiteral
    | DateLiteral
    | DateTimeLiteral
    | TimeLiteral
    | QuantityLiteral
)
Invocation = MemberInvocation | FunctionInvocation | ThisInvocation | IndexInvocation | TotalInvocation
Expression = (
    Literal
    | ExternalConstant
    | Invocation
    | InvocationExpression
    | IndexerExpression
    | PolarityExpression
    | BinaryExpression
    | TypeExpression
    | SortArgument
)

_PARTS: Final[Mapping[type, tuple[attrgetter[Any], ...]]] = {
    InvocationExpression: (attrgetter("expression"), attrgetter("invocation")),
    IndexerExpression: (attrgetter("expression"), attrgetter("index")),
    PolarityExpression: (attrgetter("operand"),),
    BinaryExpression: (attrgetter("left"), attrgetter("right")),
    TypeExpression: (attrgetter("operand"),),
    SortArgument: (attrgetter("expression"),),
}


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield an expression and every expression in it, in no defined order."""
    open_nodes = [expression]
    while open_nodes:
        node = open_nodes.pop()
        yield node
        if type(node) is FunctionInvocation:
            open_nodes.extend(node.arguments)
        else:
            open_nodes.extend(part(node) for part in _PARTS.get(type(node), ()))
