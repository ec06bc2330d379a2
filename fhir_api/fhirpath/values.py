"""What an expression works on: FHIR elements, as JSON has them, and values of the System types.

Inside the engine an element whose type is known beforehand is plain JSON; where it is not (choices, contained
resources), or where a primitive has an id or extensions, it is an :class:`Item`, which says what it is.

Spec: https://hl7.org/fhir/R4/fhirpath.html#types
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple

from fhir_api.fhirpath import model
from fhir_api.fhirpath.numbers import decimal_from
from fhir_api.fhirpath.quantity import Quantity, from_fhir
from fhir_api.fhirpath.temporal import Date, DateTime, Time, parse_date, parse_date_time, parse_time


class Long(int):
    """An integer of 64 bits."""


class TypeInfo(NamedTuple):
    """What ``type()`` gives."""

    namespace: str
    name: str


class Item:
    """An element that says what it is.

    Attributes:
        value: JSON; None for a primitive that has only extensions.
        type: its FHIR type: ``string``, ``HumanName``, ``Patient.contact``, ``Patient``.
        element: the companion (``_birthDate``) of a primitive with an id or extensions.
    """

    __slots__ = ("element", "type", "value")

    def __init__(self, value: Any, type_name: str, element: dict[str, Any] | None = None) -> None:
        self.value = value
        self.type = type_name
        self.element = element

    def __repr__(self) -> str:
        return f"Item({self.type})"


SYSTEM_TYPES: Final[dict[type, str]] = {
    bool: "System.Boolean",
    str: "System.String",
    int: "System.Integer",
    Long: "System.Long",
    Decimal: "System.Decimal",
    float: "System.Decimal",
    Date: "System.Date",
    DateTime: "System.DateTime",
    Time: "System.Time",
    Quantity: "System.Quantity",
    TypeInfo: "System.TypeInfo",
}
"""The System type of each Python class that holds one."""

Conversion = Callable[[Any], Any]

_CONVERSIONS: Final[dict[str, Conversion]] = {
    "decimal": lambda value: value if type(value) is str else decimal_from(value),
    "date": lambda value: parse_date(value) or value,
    "dateTime": lambda value: parse_date_time(value) or value,
    "instant": lambda value: parse_date_time(value) or value,
    "time": lambda value: parse_time(value) or value,
}


@cache
def conversion(type_name: str) -> Conversion | None:
    """Return what turns the JSON of a FHIR type into its System value, None where JSON has it already."""
    if model.is_subtype(type_name, "Quantity"):
        return from_fhir
    return _CONVERSIONS.get(type_name)


def system_value(item: Any) -> Any:
    """Return the System value of an item that says what it is, JSON for an element that has none."""
    if type(item) is not Item:
        return item
    value = item.value
    if value is None:
        return None
    convert = conversion(item.type)
    return value if convert is None else convert(value)


def type_of(item: Any) -> str:
    """Return the type of an item that says what it is: ``Patient``, ``System.String``."""
    if type(item) is Item:
        return item.type
    if type(item) is dict:
        return str(item.get("resourceType", "Element"))
    return SYSTEM_TYPES.get(type(item), "System.Any")


def type_info(item: Any) -> TypeInfo:
    """Return the reflection of an item that says what it is."""
    name = type_of(item)
    namespace, _, local = name.rpartition("System.")
    return TypeInfo("System", local) if name.startswith("System.") else TypeInfo("FHIR", namespace + local)


def kind_name(value: Any) -> str:
    """Return what a value is, for an error: a type's name, never its content."""
    return type_of(value).removeprefix("System.")
