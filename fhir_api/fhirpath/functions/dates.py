"""The parts of times: ``yearOf monthOf … timezoneOffsetOf dateOf timeOf``.

Spec: https://hl7.org/fhirpath/#extract-datedatetimetime-components
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fhir_api.fhirpath import plan as plans
from fhir_api.fhirpath.functions.scalar import TEMPORAL, scalar
from fhir_api.fhirpath.temporal import Date, Precision, Time


def _part(name: str, place: int) -> None:
    @scalar(name, TEMPORAL, plans.INTEGER)
    def part(time: Any) -> int | None:
        index = place - Precision.DAY if type(time) is Time else place
        return time.fields[index] if 0 <= index < len(time.fields) else None


for _name, _place in (
    ("yearOf", 0),
    ("monthOf", 1),
    ("dayOf", 2),
    ("hourOf", 3),
    ("minuteOf", 4),
    ("secondOf", 5),
):
    _part(_name, _place)


@scalar("millisecondOf", TEMPORAL, plans.INTEGER)
def millisecond_of(time: Any) -> int | None:
    """Return the millisecond; None where none was written."""
    return int(f"{time.fraction:0<3.3}") if time.fraction else None


@scalar("timezoneOffsetOf", TEMPORAL, plans.DECIMAL)
def timezone_offset_of(time: Any) -> Decimal | None:
    """Return the hours east of UTC; None where no zone was written."""
    return None if time.offset is None else Decimal(time.offset) / 60


@scalar("dateOf", TEMPORAL, ("System.Date",))
def date_of(time: Any) -> Date | None:
    """Return the date part."""
    return None if type(time) is Time else Date(time.fields[: Precision.DAY])


@scalar("timeOf", TEMPORAL, ("System.Time",))
def time_of(time: Any) -> Time | None:
    """Return the time part; None where none was written."""
    if type(time) is Time:
        return time
    return Time(time.fields[Precision.DAY :], time.fraction) if len(time.fields) > Precision.DAY else None
