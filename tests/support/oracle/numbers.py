"""Numbers and quantities.

Spec: https://hl7.org/fhir/R4/search.html#number, https://hl7.org/fhir/R4/search.html#quantity
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fhir_api.fhirpath import Item
from tests.support.oracle.texts import parts, plain

Amount = tuple[Decimal, str | None, str | None, str | None]
"""A number with system, code and unit."""

NUMBERS = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
UCUM = "http://unitsofmeasure.org"
MEASURES = {
    "mg": ("mass", Decimal("0.001")),
    "g": ("mass", Decimal(1)),
    "kg": ("mass", Decimal(1000)),
    "mm[Hg]": ("pressure", Decimal(1)),
    "%": ("number", Decimal("0.01")),
    "1": ("number", Decimal(1)),
}
"""What a unit measures, and how much of it: quantities of UCUM are compared by what they mean."""
QUANTITIES = frozenset({"Quantity", "Age", "Duration", "Count", "Distance"})


def compare(number: Decimal, prefix: str, text: str, times: Decimal = Decimal(1)) -> bool:
    """Tell whether a number is what a prefix and a number, *times* so much, ask for."""
    exponent = Decimal(text).as_tuple().exponent
    half = Decimal(5).scaleb(int(exponent) - 1) * times
    value = Decimal(text) * times
    match prefix:
        case "gt" | "sa":
            return number > value
        case "lt" | "eb":
            return number < value
        case "ge":
            return number >= value
        case "le":
            return number <= value
        case "ap":
            around = max(abs(value) / 10, half)
            return value - around <= number <= value + around
        case "ne":
            return not value - half <= number < value + half
        case _:
            return value - half <= number < value + half


def holds_number(item: Item, prefix: str, text: str) -> bool:
    """Tell whether an element is what a number parameter asks for."""
    if item.type in NUMBERS:
        return compare(Decimal(str(item.value)), prefix, text)
    ends = [item.value[end]["value"] for end in ("low", "high") if "value" in item.value.get(end, {})]
    return any(compare(Decimal(str(end)), prefix, text) for end in ends)


def amounts(item: Item) -> Iterator[Amount]:
    """Yield the amounts that an element has."""
    value = item.value
    if item.type in QUANTITIES:
        yield from _amount(value)
    elif item.type == "Money":
        currency = value.get("currency")
        yield from _amount({**value, "system": "urn:iso:std:iso:4217" if currency else None, "code": currency})
    elif item.type == "Range":
        for end in ("low", "high"):
            yield from _amount(value.get(end, {}))
    elif item.type == "SampledData":
        samples = [
            Decimal(str(value["origin"].get("value", 0))) + Decimal(sample) * Decimal(str(value.get("factor", 1)))
            for sample in value.get("data", "").split()
            if sample not in {"E", "U", "L"}
        ]
        for sample in (min(samples), max(samples)) if samples else ():
            yield from _amount({**value["origin"], "value": sample})


def _amount(quantity: dict[str, Any]) -> Iterator[Amount]:
    if "value" in quantity:
        yield Decimal(str(quantity["value"])), quantity.get("system"), quantity.get("code"), quantity.get("unit")


def holds_quantity(item: Item, prefix: str, text: str) -> bool:
    """Tell whether an element is what ``number``, ``number|system|code`` or ``number||code`` asks for."""
    number, *unit = (plain(part) for part in parts(text, "|"))
    wanted_system, wanted_code = unit or ("", "")
    for amount, system, code, human in amounts(item):
        if (system, wanted_system) == (UCUM, UCUM) and {code, wanted_code} <= MEASURES.keys():
            kind, times = MEASURES[code or ""]
            wanted_kind, wanted_times = MEASURES[wanted_code]
            fits = kind == wanted_kind and compare(amount * times, prefix, number, wanted_times)
        elif wanted_system:
            fits = (system, code) == (wanted_system, wanted_code) and compare(amount, prefix, number)
        else:
            fits = wanted_code in {"", code, human} and compare(amount, prefix, number)
        if fits:
            return True
    return False
