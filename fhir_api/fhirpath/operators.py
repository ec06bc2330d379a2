"""Operators with three-valued logic, as plans.

Spec: https://hl7.org/fhirpath/N1/#operations
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fhir_api.fhirpath import equality
from fhir_api.fhirpath.arithmetic import OPERATORS, joined, negate
from fhir_api.fhirpath.errors import Position
from fhir_api.fhirpath.functions.combining import union
from fhir_api.fhirpath.functions.conversion import to_text
from fhir_api.fhirpath.functions.scalar import located
from fhir_api.fhirpath.plan import BOOLEAN, DECIMAL, INTEGER, STRING, One, Plan, Scope, boolean, single, system
from fhir_api.fhirpath.sharing import distinct_items
from fhir_api.fhirpath.values import conversion

_TEXT_TYPES: Final = frozenset(
    {"System.String", "string", "code", "id", "markdown", "uri", "url", "uuid", "oid", "canonical", "xhtml"}
)


def binary(operator: str, left: Plan, right: Plan, position: Position) -> Plan:
    """Return the plan of ``left operator right``."""
    if operator in OPERATORS:
        return _arithmetic(operator, left, right, position)
    if operator in _COMPARISONS:
        return _comparison(operator, left, right, position)
    return _OTHERS[operator](left, right, position)


def polarity(operator: str, operand: Plan, position: Position) -> Plan:
    """Return the plan of ``+operand`` or ``-operand``."""
    value = system(operand).one

    def one(this: Any, scope: Scope) -> Any:
        number = value(this, scope)
        if number is None:
            return None
        negated = negate(number)
        return negated if operator == "-" else number

    return single(located(one, position), operand.types if operand.types in (INTEGER, DECIMAL) else None)


# -- equality


def _equality(left: Plan, right: Plan, position: Position) -> Plan:
    return single(_equal(left, right), BOOLEAN)


def _inequality(left: Plan, right: Plan, position: Position) -> Plan:
    return single(_negated(_equal(left, right)), BOOLEAN)


def _equal(left: Plan, right: Plan) -> One:
    one, other = system(left), system(right)
    if not (left.is_single and right.is_single):
        return _collections_equal(one, other)
    left_one, right_one = one.one, other.one
    if _is_text(left) and _is_text(right):
        if right.literals:
            return _is_literal(left_one, right.literals[0])

        def same_text(this: Any, scope: Scope) -> bool | None:
            value, expected = left_one(this, scope), right_one(this, scope)
            return None if value is None or expected is None else bool(value == expected)

        return same_text

    def same(this: Any, scope: Scope) -> bool | None:
        value, expected = left_one(this, scope), right_one(this, scope)
        return None if value is None or expected is None else equality.equals(value, expected)

    return same


def _is_literal(one: One, literal: str) -> One:
    def is_literal(this: Any, scope: Scope) -> bool | None:
        value = one(this, scope)
        return None if value is None else bool(value == literal)

    return is_literal


def _collections_equal(left: Plan, right: Plan) -> One:
    left_many, right_many = left.many, right.many

    def same(this: Any, scope: Scope) -> bool | None:
        items, others = left_many(this, scope), right_many(this, scope)
        return equality.collections_equal(items, others) if items and others else None

    return same


def _is_text(plan: Plan) -> bool:
    """Tell whether every System value is a text, so that Python's equality is FHIRPath's."""
    return bool(plan.types) and all(name in _TEXT_TYPES and conversion(name) is None for name in plan.types or ())


def _equivalence(left: Plan, right: Plan, position: Position) -> Plan:
    return single(_equivalent(left, right), BOOLEAN)


def _inequivalence(left: Plan, right: Plan, position: Position) -> Plan:
    return single(_negated(_equivalent(left, right)), BOOLEAN)


def _equivalent(left: Plan, right: Plan) -> One:
    left_many, right_many = system(left).many, system(right).many
    return lambda this, scope: equality.collections_equivalent(left_many(this, scope), right_many(this, scope))


def _negated(one: One) -> One:
    def opposite(this: Any, scope: Scope) -> bool | None:
        value = one(this, scope)
        return None if value is None else not value

    return opposite


# -- comparison

_COMPARISONS: Final[Mapping[str, Callable[[int], bool]]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


_MOMENTS: Final = frozenset({"date", "dateTime", "instant"})
_LENGTH_OF_DAY: Final = len("2020-02-29")
_LENGTH_OF_ZONE: Final = len("+02:00")


def _comparison(operator: str, left: Plan, right: Plan, position: Position) -> Plan:
    holds = _COMPARISONS[operator]
    compared = _compared(left, right, holds, position)
    if left.raw_type not in _MOMENTS or right.raw_type not in _MOMENTS:
        return single(compared, BOOLEAN)
    left_one, right_one = left.one, right.one

    def one(this: Any, scope: Scope) -> bool | None:
        value, other = left_one(this, scope), right_one(this, scope)
        if type(value) is str and type(other) is str and _have_order_of_text(value, other):
            return holds(-1 if value < other else int(value > other))
        answer: bool | None = compared(this, scope)
        return answer

    return single(one, BOOLEAN)


def _have_order_of_text(value: str, other: str) -> bool:
    """Tell whether two dates or times of one precision and one zone stand in the order of their texts."""
    length = len(value)
    if length != len(other):
        return False
    return (
        length <= _LENGTH_OF_DAY
        or value[-1] == other[-1] == "Z"
        or value[-_LENGTH_OF_ZONE:] == other[-_LENGTH_OF_ZONE:]
    )


def _compared(left: Plan, right: Plan, holds: Callable[[int], bool], position: Position) -> One:
    left_one, right_one = system(left).one, system(right).one

    def one(this: Any, scope: Scope) -> bool | None:
        value, other = left_one(this, scope), right_one(this, scope)
        if value is None or other is None:
            return None
        sign = equality.order(value, other, position)
        return None if sign is None else holds(sign)

    return one


# -- collections


def _membership(left: Plan, right: Plan, position: Position) -> Plan:
    item = system(left).one
    if right.shared is not None:
        return single(_is_one_of_shared(item, system(right)), BOOLEAN)
    members = system(right).many
    is_text = _is_text(left) and _is_text(right)
    if is_text and right.literals:
        return single(_is_one_of(item, frozenset(right.literals)), BOOLEAN)

    def one(this: Any, scope: Scope) -> bool | None:
        value = item(this, scope)
        if value is None:
            return None
        others = members(this, scope)
        return value in others if is_text else any(equality.equals(value, other) for other in others)

    return single(one, BOOLEAN)


def _is_one_of_shared(item: One, right: Plan) -> One:
    members = distinct_items(right)

    def is_one_of(this: Any, scope: Scope) -> bool | None:
        value = item(this, scope)
        return None if value is None else value in members(this, scope)

    return is_one_of


def _is_one_of(item: One, literals: frozenset[str]) -> One:
    def is_one_of(this: Any, scope: Scope) -> bool | None:
        value = item(this, scope)
        return None if value is None else value in literals

    return is_one_of


def _containership(left: Plan, right: Plan, position: Position) -> Plan:
    return _membership(right, left, position)


# -- Boolean logic


def _and(left: Plan, right: Plan, position: Position) -> Plan:
    one, other = boolean(left), boolean(right)

    def both(this: Any, scope: Scope) -> bool | None:
        value = one(this, scope)
        if value is False:
            return False
        second = other(this, scope)
        if second is False:
            return False
        return None if value is None or second is None else True

    return single(both, BOOLEAN)


def _or(left: Plan, right: Plan, position: Position) -> Plan:
    one, other = boolean(left), boolean(right)

    def either(this: Any, scope: Scope) -> bool | None:
        value = one(this, scope)
        if value is True:
            return True
        second = other(this, scope)
        if second is True:
            return True
        return None if value is None or second is None else False

    return single(either, BOOLEAN)


def _xor(left: Plan, right: Plan, position: Position) -> Plan:
    one, other = boolean(left), boolean(right)

    def just_one(this: Any, scope: Scope) -> bool | None:
        value, second = one(this, scope), other(this, scope)
        return None if value is None or second is None else value is not second

    return single(just_one, BOOLEAN)


def _implies(left: Plan, right: Plan, position: Position) -> Plan:
    one, other = boolean(left), boolean(right)

    def follows(this: Any, scope: Scope) -> bool | None:
        value = one(this, scope)
        if value is False:
            return True
        second = other(this, scope)
        if second is True:
            return True
        return None if value is None else second

    return single(follows, BOOLEAN)


# -- arithmetic and text


def _arithmetic(operator: str, left: Plan, right: Plan, position: Position) -> Plan:
    left_one, right_one, compute = system(left).one, system(right).one, OPERATORS[operator]

    def one(this: Any, scope: Scope) -> Any:
        value, other = left_one(this, scope), right_one(this, scope)
        return None if value is None or other is None else compute(value, other)

    return single(located(one, position), STRING if left.types == right.types == STRING else None)


def _concatenation(left: Plan, right: Plan, position: Position) -> Plan:
    left_one, right_one = system(left).one, system(right).one

    def one(this: Any, scope: Scope) -> str:
        return joined(to_text(left_one(this, scope)), to_text(right_one(this, scope)))

    return single(located(one, position), STRING)


_OTHERS: Final[Mapping[str, Callable[[Plan, Plan, Position], Plan]]] = {
    "=": _equality,
    "!=": _inequality,
    "~": _equivalence,
    "!~": _inequivalence,
    "in": _membership,
    "contains": _containership,
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
    "|": union,
    "&": _concatenation,
}
