"""Spec: https://hl7.org/fhir/R4/datatypes.html#dateTime, https://hl7.org/fhir/R4/search.html#date."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from fhir_api.model.dates import interval

KIGALI, NEW_YORK = ZoneInfo("Africa/Kigali"), ZoneInfo("America/New_York")
HOUR = 3_600_000


def ms(text: str) -> int:
    """Return a UTC instant in milliseconds, by way of the standard library."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2020", "2020-01-01", "2021-01-01"),
        ("2020-02", "2020-02-01", "2020-03-01"),
        ("2021-12", "2021-12-01", "2022-01-01"),
        ("2020-02-29", "2020-02-29", "2020-03-01"),
        ("2020-02-29T10:20", "2020-02-29T10:20", "2020-02-29T10:21"),
        ("2020-02-29T10:20Z", "2020-02-29T10:20", "2020-02-29T10:21"),
        ("2020-02-29T10:20:30Z", "2020-02-29T10:20:30", "2020-02-29T10:20:31"),
        ("2020-02-29T10:20:30.1Z", "2020-02-29T10:20:30.100", "2020-02-29T10:20:30.200"),
        ("2020-02-29T10:20:30.12Z", "2020-02-29T10:20:30.120", "2020-02-29T10:20:30.130"),
        ("2020-02-29T10:20:30.123Z", "2020-02-29T10:20:30.123", "2020-02-29T10:20:30.124"),
        ("2020-02-29T10:20:30.123999999999Z", "2020-02-29T10:20:30.123", "2020-02-29T10:20:30.124"),
        ("2020-02-29T10:20:30+02:00", "2020-02-29T08:20:30", "2020-02-29T08:20:31"),
        ("2020-02-29T10:20:30-05:30", "2020-02-29T15:50:30", "2020-02-29T15:50:31"),
        ("2020-03-01T00:00:00+14:00", "2020-02-29T10:00:00", "2020-02-29T10:00:01"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59", "2017-01-01"),
        ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59", "1970-01-01"),
        ("0001", "0001-01-01", "0002-01-01"),
        ("0001-01-01", "0001-01-01", "0001-01-02"),
    ],
)
def test_a_date_is_the_interval_of_its_precision(text, low, high):
    assert interval(text) == (ms(low), ms(high))


@pytest.mark.parametrize("text", ["9999", "9999-12", "9999-12-31"])
@pytest.mark.parametrize("zone", [UTC, KIGALI, NEW_YORK])
def test_the_last_year_there_is(text, zone):
    offset = {UTC: 0, KIGALI: -2 * HOUR, NEW_YORK: 5 * HOUR}[zone]
    assert interval(text, zone).high == ms("9999-12-31") + 24 * HOUR + offset


@pytest.mark.parametrize(
    ("text", "zone", "low", "hours"),
    [
        ("2020-03-08", KIGALI, "2020-03-07T22:00", 24),
        ("2020-03-07", NEW_YORK, "2020-03-07T05:00", 24),
        # the clocks go forward
        ("2020-03-08", NEW_YORK, "2020-03-08T05:00", 23),
        # and back
        ("2020-11-01", NEW_YORK, "2020-11-01T04:00", 25),
        ("2020-11", NEW_YORK, "2020-11-01T04:00", 30 * 24 + 1),
        ("2020", NEW_YORK, "2020-01-01T05:00", 366 * 24),
        ("2020-07-01T12:00:00", NEW_YORK, "2020-07-01T16:00", 1 / 3600),
        # a zone of its own counts, not the server's
        ("2020-07-01T12:00:00Z", NEW_YORK, "2020-07-01T12:00", 1 / 3600),
    ],
)
def test_a_date_without_a_zone_is_read_in_the_servers(text, zone, low, hours):
    found = interval(text, zone)
    assert found.low == ms(low)
    assert found.high - found.low == round(hours * HOUR)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20",
        "2020-",
        "2020-1",
        "2020-13",
        "2020-00",
        "2020-02-30",
        "2021-02-29",
        "2020-02-00",
        "0000",
        "2020-01-01T",
        "2020-01-01T10",
        "2020-01-01T24:00",
        "2020-01-01T10:60",
        "2020-01-01T10:20:61Z",
        "2020-01-01T10:20:30.Z",
        "2020-01-01T10:20:30+15:00",
        "2020-01-01T10:20:30+01:60",
        "2020-01-01T10:20:30+0100",
        "2020-01-01 10:20:30Z",
        "2020-01-01Z",
        " 2020",
        "2020\n",
        "٢٠٢٠",
        "-2020",
    ],
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the kind of error is what callers are promised
        interval(text)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:60Z", "0001"]
)
@pytest.mark.parametrize("zone", [UTC, KIGALI, NEW_YORK])
def test_the_ends_of_time_have_an_interval(text, zone):
    found = interval(text, zone)
    assert found.low < found.high
