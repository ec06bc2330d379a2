"""The functions, chapter by chapter: https://hl7.org/fhirpath/N1/#functions."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.fhirpath import FhirPathError, FhirPathEvaluationError, arithmetic, patience
from fhir_api.fhirpath.functions import FUNCTIONS, combining, filtering
from tests.support.fhirpath import evaluated, shown

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "name": [
        {"use": "official", "family": "Uwase", "given": ["Ana", "Bea"]},
        {"use": "usual", "given": ["Ana"]},
    ],
    "telecom": [{"system": "phone", "rank": 2}, {"system": "email", "rank": 1}],
    "birthDate": "1974-12-25",
    "multipleBirthInteger": 2,
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("name.empty()", ["Boolean false"]),
        ("photo.empty()", ["Boolean true"]),
        ("name.exists(use = 'usual')", ["Boolean true"]),
        ("name.exists($index = 2)", ["Boolean false"]),
        ("name.all(given.exists())", ["Boolean true"]),
        ("name.all($index < 1)", ["Boolean false"]),
        ("photo.all(false)", ["Boolean true"]),
        ("(true | false).allTrue()", ["Boolean false"]),
        ("(true | false).anyTrue()", ["Boolean true"]),
        ("(true | false).allFalse()", ["Boolean false"]),
        ("(true | false).anyFalse()", ["Boolean true"]),
        ("{}.allTrue()", ["Boolean true"]),
        ("{}.anyTrue()", ["Boolean false"]),
        ("name.given.subsetOf('Ana' | 'Bea' | 'Cia')", ["Boolean true"]),
        ("name.given.supersetOf('Ana' | 'Cia')", ["Boolean false"]),
        ("name.given.count()", ["Integer 3"]),
        ("name.given.distinct()", ["string Ana", "string Bea"]),
        ("name.given.isDistinct()", ["Boolean false"]),
        ("active.not()", ["Boolean false"]),
    ],
)
def test_existence(expression: str, expected: list[str]) -> None:
    assert shown(expression, PATIENT) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("name.where(use = 'usual').given", ["string Ana"]),
        ("name.where($index = 0).family", ["string Uwase"]),
        ("name.select(given.first() & '!')", ["String Ana!", "String Ana!"]),
        ("name.select($index)", ["Integer 0", "Integer 1"]),
        ("name.select(given)", ["string Ana", "string Bea", "string Ana"]),
        ("(1 | 2).repeat(iif($this < 5, $this + 2, {}))", ["Integer 3", "Integer 4", "Integer 5", "Integer 6"]),
        ("1.combine(1).repeatAll(iif($this < 2, $this + 1, {}))", ["Integer 2", "Integer 2"]),
        ("multipleBirth.ofType(integer)", ["integer 2"]),
        ("multipleBirth.ofType(boolean)", []),
        ("coalesce(photo, name.family, 'x')", ["string Uwase"]),
        ("coalesce(photo, {})", []),
    ],
)
def test_filtering(expression: str, expected: list[str]) -> None:
    assert shown(expression, PATIENT) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("name.given.first()", ["string Ana"]),
        ("name.given.last()", ["string Ana"]),
        ("name.given.tail()", ["string Bea", "string Ana"]),
        ("name.given.skip(2)", ["string Ana"]),
        ("name.given.skip(-1).count()", ["Integer 3"]),
        ("name.given.take(1)", ["string Ana"]),
        ("name.given.take(0)", []),
        ("name.given.take({})", []),
        ("name.given[1]", ["string Bea"]),
        ("name.given[7]", []),
        ("name.given[-1]", []),
        ("name.given[{}]", []),
        ("name.given.intersect('Ana' | 'Cia')", ["string Ana"]),
        ("name.given.exclude('Ana')", ["string Bea"]),
        ("photo.single()", []),
        ("name.use | name.given", ["code official", "code usual", "string Ana", "string Bea"]),
        ("name.given.combine(name.family).count()", ["Integer 4"]),
    ],
)
def test_subsetting_and_combining(expression: str, expected: list[str]) -> None:
    assert shown(expression, PATIENT) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'T'.toBoolean()", ["Boolean true"]),
        ("'no'.toBoolean()", ["Boolean false"]),
        ("'maybe'.toBoolean()", []),
        ("@2020.toBoolean()", []),
        ("'+12'.toInteger()", ["Integer 12"]),
        ("'9999999999'.toInteger()", []),
        ("'9999999999'.toLong()", ["Long 9999999999"]),
        ("'1.50'.toDecimal()", ["Decimal 1.50"]),
        ("true.toDecimal()", ["Decimal 1"]),
        ("'2020-02-30'.toDate()", []),
        ("@2020-02-03T10:00Z.toDate()", ["Date 2020-02-03"]),
        ("@2020-02-03.toDateTime()", ["DateTime 2020-02-03"]),
        ("'25:00'.toTime()", []),
        ("'4 days'.toQuantity()", ["Quantity 4 days"]),
        ("'4 parsecs'.toQuantity()", []),
        ("'1 \\'kg\\''.toQuantity('g')", ["Quantity 1000 'g'"]),
        ("'1'.convertsToQuantity('m')", ["Boolean false"]),
        ("1.50.toString()", ["String 1.50"]),
        ("0.0000001.toString()", ["String 0.0000001"]),
        ("name.first().toString()", []),
        ("{}.toString()", []),
        ("birthDate.toString()", ["String 1974-12-25"]),
        ("iif(active, name.family, 1 / 0)", ["string Uwase"]),
        ("iif(active.not(), 1)", []),
        ("1.comparable('a')", ["Boolean false"]),
    ],
)
def test_conversion(expression: str, expected: list[str]) -> None:
    assert shown(expression, PATIENT) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'abcab'.indexOf('b')", ["Integer 1"]),
        ("'abcab'.lastIndexOf('b')", ["Integer 4"]),
        ("'abc'.substring(1, -1)", ["String "]),
        ("'abc'.substring(3)", []),
        ("'AbC'.upper() & 'AbC'.lower()", ["String ABCabc"]),
        ("'abc'.replace('b', '')", ["String ac"]),
        ("'a.b'.replaceMatches('[.]', '$0\\\\1')", [r"String a.\1b"]),
        ("'John Doe'.replaceMatches('(\\\\w+) (?<last>\\\\w+)', '${last} $1')", ["String Doe John"]),
        ("'ABC'.matches('abc', 'i')", ["Boolean true"]),
        ("'x12y'.matchesFull('[0-9]+')", ["Boolean false"]),
        ("'🔥🔥'.matchesFull('🔥+')", ["Boolean true"]),
        ("'a,b'.split(',')", ["String a", "String b"]),
        ("'ab'.split('')", ["String a", "String b"]),
        ("'ab'.toChars()", ["String a", "String b"]),
        ("{}.toChars()", []),
        ("name.given.join()", ["String AnaBeaAna"]),
        ("{}.join(',')", []),
        ("'é'.encode('hex').decode('hex')", ["String é"]),
        ("'a'.encode('rot13')", []),
        ("'<a>'.escape('html').unescape('html')", ["String <a>"]),
        ("'a\\tb\"'.escape('json')", [r"String a\tb\""]),
        ("birthDate.substring(0, 4)", ["String 1974"]),
    ],
)
def test_strings(expression: str, expected: list[str]) -> None:
    assert shown(expression, PATIENT) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(-3).abs()", ["Integer 3"]),
        ("1.1.ceiling()", ["Integer 2"]),
        ("(-1.1).floor()", ["Integer -2"]),
        ("(-1.9).truncate()", ["Integer -1"]),
        ("2.5.round()", ["Decimal 3"]),
        ("(-2.5).round()", ["Decimal -3"]),
        ("(1.25 'kg').round(1)", ["Quantity 1.3 'kg'"]),
        ("0.ln()", []),
        ("1000.log(10)", ["Decimal 3"]),
        ("10.log(1)", []),
        ("2.power(10)", ["Integer 1024"]),
        ("2.power(-1)", ["Decimal 0.5"]),
        ("10.power(1000000)", []),
        ("2.power(40)", []),
        ("1.587.lowBoundary(30)", ["Decimal 1.586500000000000000000000000000"]),
        ("1.exp().round(5)", ["Decimal 2.71828"]),
        ("10000000.exp()", []),
        ("16.sqrt()", ["Decimal 4"]),
        ("1.5.precision()", ["Integer 1"]),
        ("(1 | 2 | 3).sum()", ["Integer 6"]),
        ("(1 | 2).avg()", ["Decimal 1.5"]),
        ("(3 | 1 | 2).min()", ["Integer 1"]),
        ("('a' | 'b').max()", ["String b"]),
        ("{}.sum()", []),
        ("(2147483647 | 1).sum()", []),
        ("(1 | 2 | 3).aggregate($total + $this, 10)", ["Integer 16"]),
        ("(7 | 8).aggregate($index)", ["Integer 1"]),
        ("telecom.sort(rank).system", ["code email", "code phone"]),
        ("telecom.sort(system desc).system", ["code phone", "code email"]),
        ("telecom.sort(-rank, system asc).system", ["code phone", "code email"]),
    ],
)
def test_mathematics_and_aggregates(expression: str, expected: list[str]) -> None:
    assert shown(expression, PATIENT) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("birthDate.yearOf()", ["Integer 1974"]),
        ("@T10:30.minuteOf()", ["Integer 30"]),
        ("@T10:30.yearOf()", []),
        ("@2020-01.dayOf()", []),
        ("@2020-01-01T10:30:05.25Z.millisecondOf()", ["Integer 250"]),
        ("@2020-01-01T10:30:05Z.millisecondOf()", []),
        ("@2020-01-01T10:30+05:30.timezoneOffsetOf()", ["Decimal 5.5"]),
        ("@2020-01-01T10:30.timezoneOffsetOf()", []),
        ("@2020-01-01T10:30.dateOf()", ["Date 2020-01-01"]),
        ("@2020-01-01T10:30.timeOf()", ["Time 10:30"]),
        ("@2020-01-01.timeOf()", []),
    ],
)
def test_parts_of_times(expression: str, expected: list[str]) -> None:
    assert shown(expression, PATIENT) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "name.single()",
        "(1 | 'a').allTrue()",
        "name.given.join(1)",
        "'a'.substring('b')",
        "1.2.round(-1)",
        "'zz'.decode('hex')",
        "'\\\\q'.unescape('json')",
        "'a'.matches('(')",
        "'a'.replaceMatches('a', '$7')",
        "name.given['a']",
        "(1 | 'a').max()",
        "birthDate.startsWith(name)",
        "%nothing",
    ],
)
def test_what_is_not_defined_is_an_error_with_its_place(expression: str) -> None:
    with pytest.raises(FhirPathEvaluationError) as refusal:
        evaluated(expression, PATIENT)
    assert refusal.value.position is not None


def test_an_endless_repetition_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtering, "MAX_REPEATED", 50)
    with pytest.raises(FhirPathEvaluationError, match="gave more than 50 items"):
        evaluated("(1).repeatAll($this)")


def test_a_costly_regular_expression_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "MATCH_SECONDS", 0.01)
    with pytest.raises(FhirPathEvaluationError, match="took longer"):
        evaluated(f"'{'a' * 40}!'.matches('^(a|a|aa)+$')")


@pytest.mark.parametrize("doubled", ["$total & $total", "$total + $total", "$total.combine($total)"])
def test_growth_without_end_is_stopped(doubled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "MAX_TEXT", 1000)
    monkeypatch.setattr(combining, "MAX_ITEMS", 1000)
    twenty = " | ".join(str(number) for number in range(20))
    with pytest.raises(FhirPathEvaluationError, match="1000"):
        evaluated(f"({twenty}).aggregate({doubled}, 'ab')")


def test_variables_are_seen_only_after_their_definition() -> None:
    assert evaluated("name.defineVariable('f', family.first()).select(%f)", PATIENT) == ["Uwase", "Uwase"]
    assert evaluated("name.select(defineVariable('u', use).select(%u))", PATIENT) == ["official", "usual"]
    with pytest.raises(FhirPathError, match="no variable '%u'"):
        evaluated("name.select(defineVariable('u', use)).select(%u)", PATIENT)
    with pytest.raises(FhirPathError, match="expected a name that is new"):
        evaluated("defineVariable('a').defineVariable('a')", PATIENT)
    with pytest.raises(FhirPathError, match="expected a name that is new"):
        evaluated("defineVariable('context')", PATIENT)


def test_every_function_says_how_many_arguments_it_takes() -> None:
    for name, function in FUNCTIONS.items():
        assert 0 <= function.least <= function.most, name
