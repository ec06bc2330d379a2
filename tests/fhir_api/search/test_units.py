"""Searched quantities in units that measure the same, against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_api.fhirpath.ucum import parse as parse_unit
from fhir_api.search.entries import QuantityEntry
from fhir_api.search.query import Parameter
from fhir_api.search.types import quantity
from fhir_api.search.types.reading import Reading

UCUM = "http://unitsofmeasure.org"
PARAMETER = Parameter("Observation", "value-quantity", "quantity", 1, "", "")
MASSES = ("kg", "g", "mg", "ug", "ng", "t")
plain = st.decimals(-100_000, 100_000, places=6).map(lambda number: f"{number:f}".rstrip("0").rstrip("."))


def found(search: str, searched_unit: str, number: float, unit: str) -> bool:
    value = quantity.parse(PARAMETER, f"{search}|{UCUM}|{searched_unit}", Reading())
    return quantity.matches(QuantityEntry(1, number, UCUM, unit, None), value)


def holds(prefix: str, wanted: Fraction, half: Fraction, number: Fraction) -> bool:
    inside = wanted - half <= number < wanted + half
    return {
        "": inside, "ne": not inside, "gt": number > wanted, "lt": number < wanted, "ge": number >= wanted,
        "le": number <= wanted, "sa": number > wanted, "eb": number < wanted,
    }[prefix]  # fmt: skip


@given(
    st.sampled_from(["", "ne", "gt", "lt", "ge", "le", "sa", "eb"]), plain, st.sampled_from(MASSES), plain,
    st.sampled_from(MASSES),
)  # fmt: skip
def test_masses_compare_as_fractions(prefix: str, wanted: str, searched_unit: str, number: str, unit: str) -> None:
    places = len(wanted.partition(".")[2])
    here, there = parse_unit(searched_unit).scale.factor, parse_unit(unit).scale.factor
    exact = holds(prefix, Fraction(wanted) * here, Fraction(1, 2) / 10**places * here, Fraction(number) * there)
    assert found(f"{prefix}{wanted}", searched_unit, float(number), unit) is exact


@given(st.sampled_from(["le", "ge", ""]), plain, st.sampled_from(MASSES), st.sampled_from(MASSES))
def test_what_is_equal_is_equal_in_every_unit(prefix: str, wanted: str, searched_unit: str, unit: str) -> None:
    ratio = parse_unit(searched_unit).scale.factor / parse_unit(unit).scale.factor
    assert found(f"{prefix}{wanted}", searched_unit, float(Fraction(wanted) * ratio), unit)


@pytest.mark.parametrize(
    ("search", "searched_unit", "number", "unit", "finds"),
    [
        ("37.0", "Cel", 98.6, "[degF]", True),
        ("37.0", "Cel", 98.7, "[degF]", False),
        ("gt0", "Cel", 273.15, "K", False),
        ("ge0", "Cel", 273.15, "K", True),
        ("le16", "[oz_av]", 1, "[lb_av]", True),
        ("lt16", "[oz_av]", 1, "[lb_av]", False),
        ("gt7", "[pH]", 1e-8, "mol/L", True),
        ("gt7", "[pH]", 1e-5, "mol/L", False),
        ("lt1e-7", "mol/L", 7.1, "[pH]", True),
        ("ge0", "mol/L", 14, "[pH]", True),
        ("50", "%", 0.5, "1", True),
        ("80", "/min", 80, "{beats}/min", True),
        ("5", "[iU]", 5, "[arb'U]", False),
        ("5", "mmol/L", 90, "mg/dL", False),
        ("5", "mg", 5, "no unit", False),
        ("5", "no unit", 5, "no unit", True),
        ("gt1e300", "kg", 3, "mg", False),
        ("lt1e300", "kg", 3, "mg", True),
        ("1e999", "kg", 3, "mg", False),
        ("400", "[pH]", 3, "mol/L", False),
        ("-999999", "[pH]", 3, "mol/L", False),
    ],
)
def test_units(search: str, searched_unit: str, number: float, unit: str, *, finds: bool) -> None:
    assert found(search, searched_unit, number, unit) is finds
