"""Equality, equivalence and order of System values and elements.

Spec: https://hl7.org/fhirpath/N1/#equality, https://hl7.org/fhirpath/N1/#comparison
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from fhir_api.fhirpath import quantity as quantities
from fhir_api.fhirpath import temporal
from fhir_api.fhirpath.errors import FhirPathEvaluationError, Position
from fhir_api.fhirpath.numbers import decimal_equivalent, decimal_from
from fhir_api.fhirpath.quantity import Quantity
from fhir_api.fhirpath.temporal import Date, DateTime, Temporal, Time
from fhir_api.fhirpath.values import Long, kind_name, system_value

_PLAIN: Final = frozenset({str, int, bool, Decimal, Long, float})
_NUMBERS: Final = frozenset({int, Decimal, Long, float})
_DATES: Final = frozenset({Date, DateTime})


def equals(left: Any, right: Any) -> bool | None:
    """Return whether two System values or elements are equal; None where that cannot be told."""
    one, other = type(left), type(right)
    if one is other and one in _PLAIN:
        return bool(left == right)
    if one in _NUMBERS and other in _NUMBERS:
        return decimal_from(left) == decimal_from(right)
    if isinstance(left, Temporal) and isinstance(right, Temporal):
        if (one is Time) != (other is Time):
            return False
        order = temporal.compare(left, right)
        return None if order is None else order == 0
    pair = _quantities(left, right)
    if pair is not None:
        return quantities.equals(*pair)
    return one is other and bool(left == right)


def equivalent(left: Any, right: Any) -> bool:
    """Tell whether two System values or elements are equivalent."""
    one, other = type(left), type(right)
    if one is str and other is str:
        return _normalized(left) == _normalized(right)
    if one in _NUMBERS and other in _NUMBERS:
        return decimal_equivalent(left, right)
    if isinstance(left, Temporal) and isinstance(right, Temporal):
        return (one is Time) == (other is Time) and temporal.equivalent(left, right)
    pair = _quantities(left, right)
    if pair is not None:
        return quantities.equivalent(*pair)
    if one is dict and other is dict:
        return left.keys() == right.keys() and all(equivalent(left[key], right[key]) for key in left)
    if one is list and other is list:
        return collections_equivalent(left, right)
    return one is other and bool(left == right)


def collections_equal(left: list[Any], right: list[Any]) -> bool | None:
    """Return whether two collections of System values are equal, item by item; None where that cannot be told."""
    if len(left) != len(right):
        return False
    result: bool | None = True
    for one, other in zip(left, right, strict=True):
        same = equals(one, other)
        if same is False:
            return False
        if same is None:
            result = None
    return result


def collections_equivalent(left: list[Any], right: list[Any]) -> bool:
    """Tell whether two collections have equivalent items in any order."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for one in left:
        place = next((index for index, other in enumerate(rest) if equivalent(one, other)), None)
        if place is None:
            return False
        del rest[place]
    return True


def order(left: Any, right: Any, position: Position) -> int | None:
    """Return -1, 0 or 1, None where the precision leaves it open.

    Raises:
        FhirPathEvaluationError: the two types have no order.
    """
    one, other = type(left), type(right)
    if (one is str and other is str) or (one in _NUMBERS and other in _NUMBERS):
        if one is not other and float in (one, other):
            left, right = decimal_from(left), decimal_from(right)
        return -1 if left < right else int(left > right)
    if (one in _DATES and other in _DATES) or (one is Time and other is Time):
        return temporal.compare(left, right)
    pair = _quantities(left, right)
    if pair is not None:
        values = quantities.common(*pair)
        return None if values is None else -1 if values[0] < values[1] else int(values[0] > values[1])
    raise FhirPathEvaluationError(
        f"Expected two values with an order, found {kind_name(left)} and {kind_name(right)}", position
    )


class Distinct:
    """A set of items under FHIRPath equality; items are compared by their System values.

    Equal items are in one bucket, so that many of them are not compared one by one.
    """

    __slots__ = ("_complex", "_plain")

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self._plain: set[Any] = set()
        self._complex: dict[Any, list[Any]] = {}
        for item in items:
            self.add(item)

    def add(self, item: Any) -> bool:
        """Put *item* in; tell whether nothing equal was there."""
        value = system_value(item)
        kind = type(value)
        if kind in _PLAIN:
            key = (kind is bool, decimal_from(value) if kind is float else value)
            if key in self._plain:
                return False
            self._plain.add(key)
            return True
        bucket = self._complex.setdefault(_bucket(value), [])
        if any(equals(value, other) for other in bucket):
            return False
        bucket.append(value)
        return True

    def __contains__(self, item: Any) -> bool:
        value = system_value(item)
        kind = type(value)
        if kind in _PLAIN:
            return (kind is bool, decimal_from(value) if kind is float else value) in self._plain
        return any(equals(value, other) for other in self._complex.get(_bucket(value), ()))


def _bucket(value: Any) -> Any:
    """Return something hashable that is the same for equal values."""
    if type(value) is dict:
        return frozenset((key, each) for key, each in value.items() if type(each) is str)
    return value.utc if isinstance(value, Temporal) else type(value)


def distinct(items: Iterable[Any]) -> list[Any]:
    """Return *items* without repetitions, in order."""
    seen = Distinct()
    return [item for item in items if seen.add(item)]


def _quantities(left: Any, right: Any) -> tuple[Quantity, Quantity] | None:
    if type(left) is Quantity:
        if type(right) is Quantity:
            return left, right
        return (left, Quantity(decimal_from(right))) if type(right) in _NUMBERS else None
    return (Quantity(decimal_from(left)), right) if type(right) is Quantity and type(left) in _NUMBERS else None


def _normalized(text: str) -> str:
    return " ".join(text.split()).casefold()
