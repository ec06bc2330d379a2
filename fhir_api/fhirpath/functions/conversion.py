"""Conversion: ``toX`` and ``convertsToX``, and ``iif``.

Spec: https://hl7.org/fhirpath/N1/#conversion
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from fhir_api.fhirpath import quantity as quantities
from fhir_api.fhirpath.equality import order
from fhir_api.fhirpath.errors import FhirPathEvaluationError
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.functions.scalar import STRING as TEXT
from fhir_api.fhirpath.functions.scalar import checked
from fhir_api.fhirpath.numbers import decimal_text
from fhir_api.fhirpath.plan import (
    BOOLEAN,
    DECIMAL,
    INTEGER,
    STRING,
    One,
    Plan,
    Scope,
    boolean,
    boxed,
    collection,
    single,
    system,
)
from fhir_api.fhirpath.quantity import Quantity, parse_quantity
from fhir_api.fhirpath.temporal import Date, DateTime, Time, parse_date, parse_date_time, parse_time
from fhir_api.fhirpath.values import Long

_INTEGER: Final = re.compile(r"[+-]?\d+")
_DECIMAL: Final = re.compile(r"[+-]?\d+(?:\.\d+)?")
_TRUE: Final = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", "0.0"})


def to_boolean(value: Any) -> bool | None:
    """Return *value* as a Boolean, None where it is none."""
    if type(value) is bool:
        return value
    if type(value) in (int, Long, Decimal):
        return True if value == 1 else False if value == 0 else None
    if type(value) is str:
        word = value.lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return None


def to_integer(value: Any) -> int | None:
    """Return *value* as an Integer, None where it is none."""
    number = to_long(value)
    return int(number) if number is not None and -(2**31) <= number < 2**31 else None


def to_long(value: Any) -> Long | None:
    """Return *value* as a Long, None where it is none."""
    if type(value) in (int, Long, bool):
        return Long(value)
    if type(value) is str and _INTEGER.fullmatch(value):
        number = Long(value)
        return number if -(2**63) <= number < 2**63 else None
    return None


def to_decimal(value: Any) -> Decimal | None:
    """Return *value* as a Decimal, None where it is none."""
    if type(value) is Decimal:
        return value
    if type(value) in (int, Long, bool):
        return Decimal(value)
    return Decimal(value) if type(value) is str and _DECIMAL.fullmatch(value) else None


def to_date(value: Any) -> Date | None:
    """Return *value* as a Date, None where it is none."""
    if type(value) is DateTime:
        return Date(value.fields[:3])
    return value if type(value) is Date else parse_date(value) if type(value) is str else None


def to_date_time(value: Any) -> DateTime | None:
    """Return *value* as a DateTime, None where it is none."""
    if type(value) is Date:
        return DateTime(value.fields)
    return value if type(value) is DateTime else parse_date_time(value) if type(value) is str else None


def to_time(value: Any) -> Time | None:
    """Return *value* as a Time, None where it is none."""
    return value if type(value) is Time else parse_time(value) if type(value) is str else None


def to_quantity(value: Any) -> Quantity | None:
    """Return *value* as a Quantity, None where it is none."""
    if type(value) is Quantity:
        return value
    if type(value) is str:
        return parse_quantity(value)
    number = to_decimal(value)
    return None if number is None else Quantity(number)


def to_string(value: Any) -> str | None:
    """Return *value* as a String, None for an element that is no System value."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is Decimal:
        return decimal_text(value)
    return None if type(value) in (dict, list) else str(value)


def to_text(value: Any) -> str:
    """Return *value* as the operator ``&`` takes it: nothing is an empty text."""
    return "" if value is None else to_string(value) or ""


_CONVERSIONS: Final[dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]]] = {
    "Boolean": (to_boolean, BOOLEAN),
    "Integer": (to_integer, INTEGER),
    "Long": (to_long, ("System.Long",)),
    "Decimal": (to_decimal, DECIMAL),
    "Date": (to_date, ("System.Date",)),
    "DateTime": (to_date_time, ("System.DateTime",)),
    "Time": (to_time, ("System.Time",)),
    "String": (to_string, STRING),
}


def _register(name: str, convert: Callable[[Any], Any], types: tuple[str, ...]) -> None:
    @function(f"to{name}")
    def to(call: Call) -> Plan:
        value = system(call.input).one

        def one(this: Any, scope: Scope) -> Any:
            given = value(this, scope)
            return None if given is None else convert(given)

        return single(one, types)

    @function(f"convertsTo{name}")
    def converts_to(call: Call) -> Plan:
        value = system(call.input).one

        def one(this: Any, scope: Scope) -> bool | None:
            given = value(this, scope)
            return None if given is None else convert(given) is not None

        return single(one, BOOLEAN)


for _name, (_convert, _types) in _CONVERSIONS.items():
    _register(_name, _convert, _types)


@function("toQuantity", 0, 1)
def to_quantity_(call: Call) -> Plan:
    """The input as a Quantity, in the unit asked for."""
    return single(_quantity_in_unit(call), ("System.Quantity",))


@function("convertsToQuantity", 0, 1)
def converts_to_quantity(call: Call) -> Plan:
    """True where ``toQuantity`` gives something."""
    value, converted = system(call.input).one, _quantity_in_unit(call)

    def one(this: Any, scope: Scope) -> bool | None:
        return None if value(this, scope) is None else converted(this, scope) is not None

    return single(one, BOOLEAN)


def _quantity_in_unit(call: Call) -> One:
    value = system(call.input).one
    unit = checked(call, call.argument(0), TEXT) if call.arguments else None

    def one(this: Any, scope: Scope) -> Quantity | None:
        given = value(this, scope)
        quantity = None if given is None else to_quantity(given)
        if quantity is None or unit is None:
            return quantity
        target = unit(this, scope)
        return None if target is None else quantities.convert(quantity, target)

    return one


@function("iif", 2, 3)
def iif(call: Call) -> Plan:
    """One of two results, chosen by a criterion; the other is not evaluated.

    Spec: https://hl7.org/fhirpath/N1/#iifcriterion-expression-true-result-collection-otherwise-result-collection--collection
    """
    source = call.input
    criterion_plan = call.body(0)
    if call.frame.is_strict and criterion_plan.types and not {"boolean", "System.Boolean"} & {*criterion_plan.types}:
        raise call.refuse(f"expected a Boolean criterion, found {criterion_plan.types[0].removeprefix('System.')}")
    subject, criterion = source.one, boolean(criterion_plan)
    results = [boxed(call.body(index)) for index in range(1, len(call.arguments))]
    chosen = results[0].many
    otherwise = results[1].many if len(results) > 1 else None

    def many(this: Any, scope: Scope) -> list[Any]:
        item = subject(this, scope)
        if criterion(item, scope) is True:
            return chosen(item, scope)
        return [] if otherwise is None else otherwise(item, scope)

    return _typed_as(results, collection(many, None, call.position))


def _typed_as(results: list[Plan], plan: Plan) -> Plan:
    known = [result.types for result in results]
    if None in known:
        return plan
    types = tuple(dict.fromkeys(name for names in known for name in names or ()))
    is_single = all(result.is_single for result in results)
    return Plan(plan.many, plan.one, types, is_single=is_single)


@function("comparable", 1)
def comparable(call: Call) -> Plan:
    """True where two values can be ordered.

    Spec: https://build.fhir.org/ig/HL7/FHIRPath/#comparablequantity
    """
    left, right = system(call.input).one, system(call.argument(0)).one

    def one(this: Any, scope: Scope) -> bool | None:
        value, other = left(this, scope), right(this, scope)
        if value is None or other is None:
            return None
        try:
            return order(value, other, call.position) is not None
        except FhirPathEvaluationError:
            return False

    return single(one, BOOLEAN)
