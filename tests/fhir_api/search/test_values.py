"""Reading the values of queries, and the rules by which they match.

Spec: https://hl7.org/fhir/R4/search.html#prefix
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_api.model.dates import Interval, interval
from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.search.definitions import base_definitions
from fhir_api.search.folding import fold
from fhir_api.search.query import (
    DateValue,
    NumberValue,
    Parameter,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
)
from fhir_api.search.types import date, number
from fhir_api.search.types.escapes import split, unescape
from fhir_api.search.types.reading import Reading
from fhir_api.search.types.values import parse_value

READING = Reading(base_url="http://server/fhir", now=interval("2026-11-23").low)
DEFINITIONS = base_definitions()


def parameter(name: str) -> Parameter:
    resource_type, _, code = name.partition(".")
    found = DEFINITIONS.parameter(resource_type, code)
    assert found is not None
    return found


def read(name: str, text: str, modifier: str | None = None) -> object:
    return parse_value(parameter(name), text, READING, modifier)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Müller", "muller"),
        ("ÉCOLE", "ecole"),
        ("Straße", "strasse"),
        ("O'Brien", "obrien"),
        ("O\u2019Brien", "obrien"),
        ("Smith-Jones", "smith jones"),
        ("  a \t b\n", "a b"),
        ("St. Mary's, Apt. 4", "st marys apt 4"),
        ("İstanbul", "istanbul"),
        ("Ｆｕｌｌ", "full"),  # noqa: RUF001 - full-width letters are the case tested
        ("한국어", "한국어".encode().decode()),
        ("...", ""),
        ("", ""),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == fold(folded)
    if folded.isascii():
        assert fold(text) == folded


@given(st.text(max_size=30))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.lists(st.text(st.sampled_from("ab,|$\\"), min_size=1, max_size=5), min_size=1, max_size=5))
def test_what_is_escaped_comes_back(parts: list[str]) -> None:
    escaped = [part.translate({ord(mark): f"\\{mark}" for mark in ",|$\\"}) for part in parts]
    for separator in ",|$":
        assert [unescape(part) for part in split(separator.join(escaped), separator)] == parts


@pytest.mark.parametrize("text", ["a\\b", "a\\", "\\"])
def test_a_lone_backslash_is_refused(text: str) -> None:
    with pytest.raises(FhirError) as refusal:
        read("Patient.family", text)
    assert refusal.value.kind is ErrorKind.MALFORMED


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", TokenValue(None, "a", any_system=True)),
        ("s|a", TokenValue("s", "a")),
        ("|a", TokenValue(None, "a")),
        ("s|", TokenValue("s", None)),
        (r"s\|t|a\,b", TokenValue("s|t", "a,b")),
    ],
)
def test_tokens(text: str, value: TokenValue) -> None:
    assert read("Patient.identifier", text) == value


def test_tokens_of_texts_are_folded() -> None:
    assert read("Patient.email", "A@B.org") == TokenValue(None, "a@b.org", any_system=True)


@pytest.mark.parametrize("text", ["|", "a|b|c"])
def test_tokens_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(FhirError, match=r"'system\|code'"):
        read("Patient.identifier", text)


@pytest.mark.parametrize("text", ["MR", "s|MR", "s||1", "|MR|1", "a|b|c|d"])
def test_of_type_needs_three_parts(text: str) -> None:
    with pytest.raises(FhirError, match="all three"):
        read("Patient.identifier", text, "of-type")


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("100", 99.5, 100.5),
        ("100.00", 99.995, 100.005),
        ("1e2", 95, 105),
        ("-8e-1", -0.805, -0.795),
        ("1.00e2", 99.5, 100.5),
        ("5.4", 5.35, 5.45),
        ("5.40e-3", 0.005395, 0.005405),
        ("-2", -2.5, -1.5),
        ("0", -0.5, 0.5),
        ("ap100", 90, 110),
        ("ap0", -0.5, 0.5),
        ("ap-10", -11, -9),
    ],
)
def test_the_range_that_digits_imply(text: str, low: float, high: float) -> None:
    value = read("RiskAssessment.probability", text)
    assert isinstance(value, NumberValue)
    assert (value.low, value.high) == (low, high)


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "NaN", "Infinity", "1e9999", "gt", "1_000", "٣", "0x1"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(FhirError, match="expects a number"):
        read("RiskAssessment.probability", text)


def test_numbers_too_large_for_a_float_do_not_break() -> None:
    value = read("RiskAssessment.probability", "9e999")
    assert isinstance(value, NumberValue)
    assert not number.compare(1.0, value)


@pytest.mark.parametrize(
    ("text", "system", "code"),
    [("5.4", None, None), ("5.4|u|mg", "u", "mg"), ("gt5.4||mg", None, "mg"), ("5.4||", None, None)],
)
def test_quantities(text: str, system: str | None, code: str | None) -> None:
    value = read("Observation.value-quantity", text)
    assert isinstance(value, QuantityValue)
    assert (value.number.value, value.system, value.code) == (5.4, system, code)


@pytest.mark.parametrize("text", ["x||mg", "5.4|a|b|c"])
def test_quantities_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(FhirError) as refusal:
        read("Observation.value-quantity", text)
    assert refusal.value.kind is ErrorKind.MALFORMED


@pytest.mark.parametrize(
    ("name", "text", "modifier", "candidates"),
    [
        ("Observation.patient", "1", None, ("Patient/1",)),
        ("Patient.general-practitioner", "1", None, ("Organization/1", "Practitioner/1", "PractitionerRole/1")),
        ("Patient.general-practitioner", "1", "Practitioner", ("Practitioner/1",)),
        ("Patient.general-practitioner", "Practitioner/1", "Practitioner", ("Practitioner/1",)),
        ("Observation.subject", "Patient/1/_history/2", None, ("Patient/1",)),
        ("Observation.subject", "http://server/fhir/Patient/1", None, ("Patient/1",)),
        ("Observation.subject", "http://other/fhir/Patient/1", None, ("http://other/fhir/Patient/1",)),
        ("Observation.subject", "urn:uuid:7", None, ("urn:uuid:7",)),
    ],
)
def test_references(name: str, text: str, modifier: str | None, candidates: tuple[str, ...]) -> None:
    value = read(name, text, modifier)
    assert isinstance(value, ReferenceValue)
    assert sorted(value.candidates) == sorted(candidates)


def test_a_type_that_contradicts_the_value_is_refused() -> None:
    with pytest.raises(FhirError, match="an id of a Practitioner"):
        read("Patient.general-practitioner", "Organization/1", "Practitioner")


def test_a_string_keeps_its_text() -> None:
    assert read("Patient.family", r"a\,b") == StringValue("a,b")


@pytest.mark.parametrize(
    "text", ["", "x", "2013-13", "2013-02-30", "2013-01-14T10", "gt", "13-01-01", "2013-01-14T25:00"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(FhirError, match="expects a date"):
        read("Observation.date", text)


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        (UTC, "2013-01-14T00:00:00Z"),
        (ZoneInfo("Africa/Kigali"), "2013-01-13T22:00:00Z"),
        (timezone(timedelta(hours=-5)), "2013-01-14T05:00:00Z"),
    ],
)
def test_a_date_without_zone_is_one_of_the_servers_zone(zone: ZoneInfo, start: str) -> None:
    value = parse_value(parameter("Observation.date"), "2013-01-14", Reading(zone=zone))
    assert isinstance(value, DateValue)
    assert value.low == interval(start).low
    assert value.high - value.low == 86_400_000


def test_about_a_date_is_a_tenth_of_the_way_to_now() -> None:
    value = read("Observation.date", "ap2026-11-13")
    assert isinstance(value, DateValue)
    day = 86_400_000
    exact = interval("2026-11-13")
    assert (exact.low - value.low, value.high - exact.high) == (9 * day // 10, 9 * day // 10)


DAY = interval("2013-01-14")
HOUR = 3_600_000
TARGETS = {
    "before": (DAY.low - 9 * HOUR, DAY.low),
    "into": (DAY.low - HOUR, DAY.low + HOUR),
    "within": (DAY.low + HOUR, DAY.high - HOUR),
    "same": (DAY.low, DAY.high),
    "around": (DAY.low - HOUR, DAY.high + HOUR),
    "out of": (DAY.high - HOUR, DAY.high + HOUR),
    "after": (DAY.high, DAY.high + 9 * HOUR),
}


@pytest.mark.parametrize(
    ("prefix", "matching"),
    {
        "eq": "within,same",
        "ne": "before,into,around,out of,after",
        "gt": "around,out of,after",
        "lt": "before,into,around",
        "ge": "into,within,same,around,out of,after",
        "le": "before,into,within,same,around,out of",
        "sa": "after",
        "eb": "before",
    }.items(),
)
def test_prefixes_on_intervals(prefix: str, matching: str) -> None:
    value = read("Observation.date", f"{prefix}2013-01-14")
    assert isinstance(value, DateValue)
    assert [name for name, target in TARGETS.items() if date.compare(*target, value)] == matching.split(",")


@pytest.mark.parametrize(
    "text",
    ["2013-01-14T10:00:00Z", "2013-01-14T10:00:00+02:00", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
     "2016-12-31T23:59:60Z", "9999-12-31T23:59:59Z", "2013-01-14T10:00:00.5Z", "2013-01-14", "2013"],
)  # fmt: skip
def test_the_fast_way_gives_the_same_interval(text: str) -> None:
    assert date.span(text, UTC) == interval(text, UTC)


@given(
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][01][0-9]:[0-9]{2})", fullmatch=True
    ),
    st.sampled_from([UTC, ZoneInfo("Africa/Kigali"), ZoneInfo("America/New_York")]),
)
def test_the_fast_way_takes_and_refuses_the_same(text: str, zone: tzinfo) -> None:
    assert outcome(date.span, text, zone) == outcome(interval, text, zone)


def outcome(read: Callable[[str, tzinfo], Interval], text: str, zone: tzinfo) -> Interval | None:
    try:
        return read(text, zone)
    except ValueError:
        return None
