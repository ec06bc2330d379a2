"""Comparing two values of one type, for limits and conditions.

Spec: https://hl7.org/fhir/R4/valueset-questionnaire-enable-operator.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from fhir_api.fhirpath import Date, DateTime, Quantity, Time
from fhir_api.fhirpath.quantity import common, from_fhir
from fhir_api.fhirpath.temporal import compare, parse_date, parse_date_time, parse_time


def order(kind: str, left: Any, right: Any) -> int | None:
    """Return -1, 0 or 1 for two values of type *kind*; None where they cannot be compared.

    Of two dates, what both say is compared: 2022-06-30 is within 2022-06.
    """
    if kind in _PARSE:
        return _temporal(_PARSE[kind](left), _PARSE[kind](right))
    if kind == "Quantity":
        return _quantity(from_fhir(left), from_fhir(right))
    if kind in {"decimal", "integer"}:
        return _sign(Decimal(str(left)), Decimal(str(right)))
    return _sign(left, right) if isinstance(left, str) and isinstance(right, str) else None


def is_same(kind: str, left: Any, right: Any) -> bool:
    """Tell whether two values of type *kind* are the same answer."""
    match kind:
        case "Coding":
            systems = left.get("system"), right.get("system")
            return left.get("code") == right.get("code") and (None in systems or systems[0] == systems[1])
        case "Reference":
            return bool(left.get("reference") == right.get("reference"))
        case "Quantity":
            return order(kind, left, right) == 0
        case _:
            return bool(left == right)


_Temporal = Date | DateTime | Time
_PARSE: Final[Mapping[str, Callable[[str], _Temporal | None]]] = {
    "date": parse_date,
    "dateTime": parse_date_time,
    "time": parse_time,
}


def _temporal(left: _Temporal | None, right: _Temporal | None) -> int | None:
    if left is None or right is None:
        return None
    return compare(left, right) or 0


def _quantity(left: Any, right: Any) -> int | None:
    if not isinstance(left, Quantity) or not isinstance(right, Quantity):
        return None
    values = common(left, right)
    return None if values is None else _sign(*values)


def _sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)
