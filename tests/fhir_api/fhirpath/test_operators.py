"""Operators, precision of times, quantities: https://hl7.org/fhirpath/N1/#operations."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.fhirpath import FhirPathEvaluationError
from tests.support.fhirpath import evaluated, shown

TRUTH = {"true": True, "false": False, "{}": None}


@pytest.mark.parametrize("left", TRUTH)
@pytest.mark.parametrize("right", TRUTH)
def test_three_valued_logic(left: str, right: str) -> None:
    one, other = TRUTH[left], TRUTH[right]
    both = None if None in (one, other) else (one, other)
    expected = {
        "and": False if False in (one, other) else None if both is None else True,
        "or": True if True in (one, other) else None if both is None else False,
        "xor": None if both is None else one is not other,
        "implies": True if one is False or other is True else None if both is None else False,
    }
    for operator, result in expected.items():
        assert evaluated(f"{left} {operator} {right}") == ([] if result is None else [result]), operator


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # dates: equal as far as both go, open where one goes farther
        ("@2012 = @2012", True),
        ("@2012 = @2013-01", False),
        ("@2012 = @2012-01", None),
        ("@2012-01-01 = @2012-01-01T", True),
        ("@2012-01-01T10:00 < @2012-01-01T10:00:30", None),
        ("@2012-01-01T10:30:31.0 = @2012-01-01T10:30:31", True),
        ("@2012-01-01T10:00+02:00 = @2012-01-01T08:00Z", True),
        ("@2012-01-01T23:30-05:00 > @2012-01-02T04:00Z", True),
        ("@2012-01-01T10:00 = @2012-01-01T10:00Z", None),
        ("@2012-01-01T10:00 < @2012-01-03T10:00Z", True),
        ("@2012-01-03T10:00Z > @2012-01-01T10:00", True),
        ("@T10:00 < @T10:01", True),
        ("@T10 = @T10:00", None),
        ("@T10:00 = @2012", False),
        ("@2012 ~ @2012-01", False),
        # quantities
        ("1 'kg' = 1000 'g'", True),
        ("1 'kg' = 1 'm'", False),
        ("1 'kg' < 1 'm'", None),
        ("1 'kg' > 999 'g'", True),
        ("1 week = 7 days", True),
        ("1 second = 1 's'", True),
        ("1 year = 12 months", True),
        ("1 year = 1 'a'", None),
        ("1 year ~ 1 'a'", True),
        ("1 month > 1 day", None),
        ("37 'Cel' = 310.15 'K'", True),
        ("5 = 5 '1'", True),
        ("5 '1' ~ 5", True),
        ("1.51 'g' ~ 1500 'mg'", True),
        ("1 'foo' = 1 'foo'", True),
        # numbers and texts
        ("1 = 1.0", True),
        ("1 = '1'", False),
        ("true = 1", False),
        ("0.67 ~ 2 / 3", True),
        ("'a  B' ~ ' A b '", True),
        ("'a' < 'b'", True),
        # collections
        ("(1 | 2) = (2 | 1)", False),
        ("(1 | 2) ~ (2 | 1)", True),
        ("(1 | 2) = 1", False),
        ("(@2012 | 1) = (@2012-01 | 1)", None),
        ("(@2012 | 1) = (@2012-01 | 2)", False),
        ("1 in (1 | 2)", True),
        ("{} in (1 | 2)", None),
        ("1 in {}", False),
        ("(1 | 2) contains 3", False),
        ("1 'kg' in (1000 'g' | 2 'g')", True),
    ],
)
def test_equality_and_order(expression: str, expected: bool | None) -> None:
    assert evaluated(expression) == ([] if expected is None else [expected])
    negated = {" = ": " != ", " ~ ": " !~ "}
    for operator, opposite in negated.items():
        if operator in expression:
            found = evaluated(expression.replace(operator, opposite))
            assert found == ([] if expected is None else [not expected])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("7 / 2", ["Decimal 3.5"]),
        ("7 div 2", ["Integer 3"]),
        ("(-7) div 2", ["Integer -3"]),
        ("(-7) mod 2", ["Integer -1"]),
        ("7.5 mod 2", ["Decimal 1.5"]),
        ("1 / 0", []),
        ("1 'm' / 0", []),
        ("2147483647 + 1", []),
        ("2147483647L + 1", ["Long 2147483648"]),
        ("9223372036854775807L + 1", []),
        ("1 + {}", []),
        ("'a' + 'b' & {} & 1.0", ["String ab1.0"]),
        ("-(2 'kg')", ["Quantity -2 'kg'"]),
        ("+5", ["Integer 5"]),
        ("1 'm' + 1 'cm'", ["Quantity 1.01 'm'"]),
        ("1 'm' + 1 's'", []),
        ("1 year + 6 months", ["Quantity 1.5 years"]),
        ("2 'm' * 3 's'", ["Quantity 6 'm.s'"]),
        ("6 'm' / 2 's'", ["Quantity 3 'm/s'"]),
        ("6 'm' / 2 'm/s'", ["Quantity 3 'm/(m/s)'"]),
        ("6 'm' / 2", ["Quantity 3 'm'"]),
        ("2 * 3 'm'", ["Quantity 6 'm'"]),
        ("10 / 2 's'", ["Quantity 5 '1/s'"]),
        ("1 'foo' * 2 'm'", []),
    ],
)
def test_arithmetic(expression: str, expected: list[str]) -> None:
    assert shown(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@2020-01-31 + 1 month", "2020-02-29"),
        ("@2020-02-29 + 1 year", "2021-02-28"),
        ("@2020-02-29 - 1 'wk'", "2020-02-22"),
        ("@2019 + 25 months", "2021"),
        ("@2019 - 13 months", "2018"),
        ("@2019 + 400 days", "2020"),
        ("@2019-03 + 65 days", "2019-05"),
        ("@2019-03-01 + 25 hours", "2019-03-02"),
        ("@2019-03-01T23:59:59.999Z + 1 'ms'", "2019-03-02T00:00:00.000Z"),
        ("@2019-03-01T10:00+02:00 + 90 minutes", "2019-03-01T11:30+02:00"),
        ("@2019-03-01T10:00 + 59 seconds", "2019-03-01T10:00"),
        ("@2019-03-01T10:00:00 + 5 milliseconds", "2019-03-01T10:00:00.005"),
        ("@T23:30 + 1 hour", "00:30"),
        ("@T10 - 30 minutes", "09"),
        ("@T10:00:00.5 + 1 second", "10:00:01.500"),
    ],
)
def test_times_are_moved(expression: str, expected: str) -> None:
    assert [str(value) for value in evaluated(expression)] == [expected]


@pytest.mark.parametrize("expression", ["@9999-12-31 + 1 day", "@9999 + 1 year", "@0001-01-01 - 1 month"])
def test_times_beyond_the_calendar_are_empty(expression: str) -> None:
    assert evaluated(expression) == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@2014.lowBoundary()", "2014-01-01"),
        ("@2016-02.highBoundary()", "2016-02-29"),
        ("@2014-02.highBoundary(4)", "2014"),
        ("@2014T.highBoundary(17)", "2014-12-31T23:59:59.999-12:00"),
        ("@2014-01-01T08:05Z.lowBoundary(14)", "2014-01-01T08:05:00Z"),
        ("@T10.lowBoundary()", "10:00:00.000"),
        ("@T10:30:05.1.highBoundary()", "10:30:05.199"),
        ("0.lowBoundary(1)", "-0.5"),
        ("1.05.highBoundary(1)", "1.1"),
    ],
)
def test_boundaries(expression: str, expected: str) -> None:
    assert [str(value) for value in evaluated(expression)] == [expected]


@pytest.mark.parametrize("expression", ["@2014.lowBoundary(5)", "@T10.highBoundary(17)", "1.5.lowBoundary(40)"])
def test_boundaries_at_impossible_precisions_are_empty(expression: str) -> None:
    assert evaluated(expression) == []


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 + 'a'", r"'\+' is not defined for Integer and String"),
        ("1 < 'a'", "found Integer and String"),
        ("@2012 < @T10:00", "found Date and Time"),
        ("-'a'", "found String"),
        ("@2012 + 1", r"'\+' is not defined for Date and Integer"),
        ("@2012 + 1 'kg'", "Expected a calendar unit"),
        ("(1 | 2) + 1", "Expected one value, found 2"),
        ("(1 | 2) & 'a'", "Expected one value, found 2"),
    ],
)
def test_operands_that_do_not_fit(expression: str, message: str) -> None:
    with pytest.raises(FhirPathEvaluationError, match=message) as refusal:
        evaluated(expression)
    assert refusal.value.position is not None


QUANTITY_ELEMENTS: dict[str, dict[str, Any]] = {
    "ucum": {"value": 5, "system": "http://unitsofmeasure.org", "code": "g"},
    "calendar": {"value": 2, "system": "http://unitsofmeasure.org", "code": "a"},
    "foreign": {"value": 3, "system": "http://x", "code": "tablet"},
    "textual": {"value": 3, "unit": "tablets"},
    "bare": {"value": 7},
    "compared": {"value": 7, "comparator": "<"},
}


@pytest.mark.parametrize(
    ("element", "expression", "expected"),
    [
        ("ucum", "$this = 0.005 'kg'", [True]),
        ("calendar", "$this = 24 months", [True]),
        ("foreign", "$this <= %context", [True]),
        ("foreign", "$this = 3 'g'", []),
        ("foreign", "$this < 3 'g'", []),
        ("textual", "$this = $this", [True]),
        ("bare", "$this = 7", [True]),
        ("compared", "$this = 7", [False]),
        ("compared", "$this = $this", [True]),
    ],
)
def test_quantity_elements(element: str, expression: str, expected: list[bool]) -> None:
    assert evaluated(expression, QUANTITY_ELEMENTS[element], type_name="Quantity") == expected
