"""UCUM: https://ucum.org/ucum, with the functional tests of the reference implementation."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from lxml import etree

from fhir_api.fhirpath import ucum
from fhir_api.fhirpath.numbers import decimals
from fhir_api.fhirpath.quantity import Quantity, convert, divide, equals, multiply

FUNCTIONAL_TESTS = Path(__file__).parents[3] / "../shared/data/ucum/UcumFunctionalTests.xml"


def functional(section: str) -> list[dict[str, str]]:
    if not FUNCTIONAL_TESTS.exists():
        return []
    cases = etree.parse(FUNCTIONAL_TESTS).iterfind(f"{section}/case")
    return [{str(name): str(value) for name, value in case.attrib.items()} for case in cases]


needs_functional_tests = pytest.mark.skipif(
    not FUNCTIONAL_TESTS.exists(), reason="the UCUM functional tests are not here (../shared/data/ucum)"
)


@needs_functional_tests
@pytest.mark.parametrize("case", functional("validation"), ids=lambda case: case["id"])
def test_official_validation(case: dict[str, str]) -> None:
    assert (ucum.canonical(case["unit"]) is not None) == (case["valid"] == "true")


def at_precision_of(outcome: str, value: Decimal) -> bool:
    """Tell whether *value* is *outcome* in the significant digits that *outcome* has."""
    expected = Decimal(outcome)
    digits = len(expected.normalize().as_tuple().digits)
    return abs(value - expected) <= Decimal(1).scaleb(expected.adjusted() - digits + 1) / 2


@needs_functional_tests
@pytest.mark.parametrize("case", functional("conversion"), ids=lambda case: case["id"])
def test_official_conversion(case: dict[str, str]) -> None:
    converted = convert(Quantity(Decimal(case["value"]), case["srcUnit"]), case["dstUnit"])
    assert converted is not None
    assert at_precision_of(case["outcome"], converted.value)


@needs_functional_tests
@pytest.mark.parametrize("section", ["multiplication", "division"])
def test_official_arithmetic(section: str) -> None:
    operation = multiply if section == "multiplication" else divide
    for case in functional(section):
        left, right = Quantity(Decimal(case["v1"]), case["u1"]), Quantity(Decimal(case["v2"]), case["u2"])
        result = operation(left, right)
        assert result is not None
        converted = convert(result, case["uRes"] or "1")
        assert converted is not None
        assert at_precision_of(case["vRes"], converted.value)


@pytest.mark.parametrize(
    ("value", "unit", "target", "expected"),
    [
        ("37", "Cel", "K", "310.15"),
        ("98.6", "[degF]", "Cel", "37"),
        ("1", "mol/l", "[pH]", "0"),
        ("20", "dB", "B", "2"),
        ("180", "deg", "[pi].rad", "1"),
        ("5.5", "mmol/L", "umol/mL", "5.5"),
        ("120", "mm[Hg]", "kPa", "15.99864"),
        ("1", "[lb_av]", "g", "453.59237"),
        ("1", "/min", "Hz", "0.01666666666666666666666666667"),
    ],
)
def test_conversion(value: str, unit: str, target: str, expected: str) -> None:
    converted = convert(Quantity(Decimal(value), unit), target)
    assert converted is not None
    assert converted.value == pytest.approx(Decimal(expected), rel=Decimal("1e-25"))


@pytest.mark.parametrize(
    ("unit", "target"), [("g", "m"), ("[iU]", "g"), ("[iU]", "[arb'U]"), ("nonsense", "g"), ("g", "")]
)
def test_units_that_are_not_comparable(unit: str, target: str) -> None:
    assert convert(Quantity(Decimal(1), unit), target) is None


@pytest.mark.parametrize("unit", ["", "m/", "km2x", "Cel2", "mCel.m", "0", "m" * 300, "m1000", "k[lb_av]", "(m", "m)"])
def test_what_is_no_unit(unit: str) -> None:
    assert ucum.canonical(unit) is None


def test_an_arbitrary_unit_takes_prefixes() -> None:
    assert equals(Quantity(Decimal(1), "k[iU]/L"), Quantity(Decimal(1), "[iU]/mL")) is True


def test_factors_are_exact() -> None:
    inch = ucum.canonical("[in_i]")
    assert inch is not None
    assert inch.scale.factor == Fraction(254, 10000)


def test_conversion_writes_no_exponent() -> None:
    converted = convert(Quantity(Decimal(3), "km"), "m")
    assert converted is not None
    assert (str(converted), decimals(converted.value)) == ("3000 'm'", 0)


@pytest.mark.parametrize(
    ("code", "same"), [("{2 or 3 times}/d", "/d"), ("U/(10.g){feces}", "U/(10.g)"), ("m{a b}", "m")]
)
def test_annotations_of_the_common_codes_of_r4(code: str, same: str) -> None:
    assert ucum.canonical(code) == ucum.canonical(same) is not None
