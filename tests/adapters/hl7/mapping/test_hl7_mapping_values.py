"""HL7 v2 values as FHIR primitives."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from adapters.hl7.mapping.values import CONVERSIONS, date_time

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", "2024"),
        ("202405", "2024-05"),
        ("20240501", "2024-05-01"),
        ("2024050110", "2024-05-01T10:00:00+02:00"),
        ("202405011011", "2024-05-01T10:11:00+02:00"),
        ("20240501101112", "2024-05-01T10:11:12+02:00"),
        ("20240501101112.3400", "2024-05-01T10:11:12.3400+02:00"),
        ("20240101101112", "2024-01-01T10:11:12+01:00"),
        ("20240501101112-0400", "2024-05-01T10:11:12-04:00"),
        ("20240230", None),
        ("0000", None),
        ("2024050125", None),
        ("20240501101112+9900", None),
        ("05/01/2024", None),
        ("", None),
    ],
)
def test_a_date_keeps_its_precision_and_a_time_gets_the_senders_zone(text: str, expected: str | None) -> None:
    assert date_time(text, BERLIN) == expected


@pytest.mark.parametrize(
    ("type_code", "text", "expected"),
    [
        ("date", "20240501101112", "2024-05-01"),
        ("instant", "2024", "2024-01-01T00:00:00Z"),
        ("instant", "20240501", "2024-05-01T00:00:00Z"),
        ("time", "1011", "10:11:00"),
        ("time", "2511", None),
        ("decimal", "7.10", Decimal("7.10")),
        ("decimal", "1e5", None),
        ("decimal", "<5", None),
        ("integer", "2", 2),
        ("integer", "2.5", None),
        ("positiveInt", "0", None),
        ("boolean", "Y", True),
        ("boolean", "N", False),
        ("boolean", "maybe", None),
        ("code", " a b ", "a b"),
        ("code", "a  b", None),
        ("uri", "not one", None),
        ("base64Binary", "QU JD", "QUJD"),
        ("base64Binary", "no!", None),
    ],
)
def test_a_value_is_converted_or_refused(type_code: str, text: str, expected: object) -> None:
    assert CONVERSIONS[type_code](text, UTC) == expected
