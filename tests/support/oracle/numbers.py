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


def compare_range(low: Decimal, high: Decimal, prefix: str, text: str, times: Decimal = Decimal(1)) -> bool:
    """Tell whether the numbers from *low* to *high* are what a prefix and a number, *times* so much, ask for."""
    exponent = Decimal(text).as_tuple().exponent
    half = Decimal(5).scaleb(int(exponent) - 1) * times
    value = Decimal(text) * times
    around = max(abs(value) / 10, half)
    is_inside = low >= value - half and high < value + half
    return {
        "gt": high > value, "lt": low < value, "ge": high >= value, "le": low <= value,
        "sa": low > value, "eb": high < value, "ne": not is_inside,
        "ap": low <= value + around and high >= value - around,
    }.get(prefix, is_inside)  # fmt: skip


def holds_number(item: Item, prefix: str, text: str) -> bool:
    """Tell whether an element is what a number parameter asks for."""
    if item.type in NUMBERS:
        return compare(Decimal(str(item.value)), prefix, text)
    ends = _ends(item)
    return ends is not None and compare_range(*ends[:2], prefix, text)


def _ends(item: Item) -> tuple[Decimal, Decimal, dict[str, Any]] | None:
    """Return where a Range begins and ends, and the quantity that has its unit; None where it has no end."""
    low, high = ({}, {}) if item.value is None else (item.value.get(name, {}) for name in ("low", "high"))
    if "value" not in low and "value" not in high:
        return None
    ends = (Decimal(str(low.get("value", "-Infinity"))), Decimal(str(high.get("value", "Infinity"))))
    return *ends, low if "value" in low else high


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
    if item.type == "Range":
        ends = _ends(item)
        if ends is None:
            return False
        low, high, quantity = ends
        times = _in_units(quantity.get("system"), quantity.get("code"), quantity.get("unit"), unit)
        return times is not None and compare_range(low * times[0], high * times[0], prefix, number, times[1])
    for amount, system, code, human in amounts(item):
        times = _in_units(system, code, human, unit)
        if times is not None and compare(amount * times[0], prefix, number, times[1]):
            return True
    return False


def _in_units(
    system: str | None, code: str | None, human: str | None, unit: list[str]
) -> tuple[Decimal, Decimal] | None:
    """Return how much the unit of a number and the wanted *unit* are; None where they do not fit."""
    wanted_system, wanted_code = unit or ("", "")
    one = (Decimal(1), Decimal(1))
    if (system, wanted_system) == (UCUM, UCUM) and {code, wanted_code} <= MEASURES.keys():
        (kind, times), (wanted_kind, wanted_times) = MEASURES[code or ""], MEASURES[wanted_code]
        return (times, wanted_times) if kind == wanted_kind else None
    if wanted_system:
        return one if (system, code) == (wanted_system, wanted_code) else None
    return one if wanted_code in {"", code, human} else None
