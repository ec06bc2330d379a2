"""``near``: Locations within a distance of a point.

Spec: https://hl7.org/fhir/R4/location.html#positional
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from math import asin, cos, degrees, hypot, inf, pi, radians, sin, sqrt
from typing import Any, Final, NamedTuple

from fhir_api.fhirpath import ucum
from fhir_api.search.entries import CompositeEntry, NumberEntry, new_entry
from fhir_api.search.query import NearValue, Parameter
from fhir_api.search.types.escapes import split, unescape
from fhir_api.search.types.reading import Reading, malformed

Add = Callable[[CompositeEntry], None]

EARTH_RADIUS: Final = 6_371_008.8
"""Metres: the mean radius."""
DEFAULT_METRES: Final = 50_000.0
"""How near is near where no distance is given: a day's walk."""

_NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,40})?", re.ASCII)
_MOST_PARTS, _LEAST_PARTS = 4, 2
_HALF_TURN = 180.0
_POLE = 90.0
_ROUNDING = 1e-9
"""Radians, 6 mm: what rounding may lose, added to a circle's bounds; the distance itself decides."""
_METRE = ucum.parse("m")


class Box(NamedTuple):
    """Bounds in degrees that hold a circle.

    Attributes:
        south: least latitude.
        north: greatest latitude.
        longitudes: ranges of longitude, two where the circle crosses the 180th meridian.
    """

    south: float
    north: float
    longitudes: tuple[tuple[float, float], ...]


def position(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add ``Location.position`` as latitude and longitude in degrees."""
    parts = (new_entry(NumberEntry, (key, value["latitude"])), new_entry(NumberEntry, (key, value["longitude"])))
    add(new_entry(CompositeEntry, (key, parts)))


LEAVES: dict[str, Callable[..., None]] = {"Location.position": position}
"""What each FHIR type puts into the index."""


def parse(parameter: Parameter, text: str, reading: Reading, modifier: str | None = None) -> NearValue:
    """Read ``latitude|longitude|distance|unit``; the unit is a UCUM length, kilometres where there is none.

    Raises:
        FhirError: MALFORMED for degrees that are none, a negative distance, or a unit that is no length.
    """
    parts = [unescape(part) for part in split(text, "|")]
    if not _LEAST_PARTS <= len(parts) <= _MOST_PARTS:
        raise malformed(parameter, "'latitude|longitude', with '|distance' and '|unit' if wanted")
    latitude = _degrees(parameter, parts[0], _POLE)
    longitude = _degrees(parameter, parts[1], _HALF_TURN)
    return NearValue(latitude, longitude, _metres(parameter, *parts[2:]))


def _degrees(parameter: Parameter, text: str, limit: float) -> float:
    if _NUMBER.fullmatch(text) is None or abs(float(text)) > limit:
        raise malformed(parameter, f"degrees between -{limit:g} and {limit:g}, with a decimal point")
    return float(text)


def _metres(parameter: Parameter, distance: str = "", unit: str = "") -> float:
    if not distance and not unit:
        return DEFAULT_METRES
    if _NUMBER.fullmatch(distance) is None or float(distance) < 0:
        raise malformed(parameter, "a distance of 0 or more")
    found = ucum.canonical(unit or "km")
    if found is None or found.dimension != _METRE.dimension:
        raise malformed(parameter, "a UCUM unit of length, such as 'km' or '[mi_us]'")
    return float(_METRE.scale.back(found.scale.of(Fraction(distance))))


def matches(entry: CompositeEntry, value: NearValue) -> bool:
    """Tell whether a position is within the distance of the point."""
    latitude, longitude = (part.value for part in entry.components if isinstance(part, NumberEntry))
    return metres_between(latitude, longitude, value.latitude, value.longitude) <= value.metres


def metres_between(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the length of the great circle between two points in degrees."""
    one, other = radians(latitude), radians(other_latitude)
    across = sin((one - other) / 2)
    along = sin(radians(longitude - other_longitude) / 2) * sqrt(cos(one) * cos(other))
    return 2 * EARTH_RADIUS * asin(min(1.0, hypot(across, along)))


def box(value: NearValue) -> Box:
    """Return bounds that every point within the distance lies in."""
    angle = value.metres / EARTH_RADIUS + _ROUNDING
    height = degrees(angle)
    south, north = value.latitude - height, value.latitude + height
    if south <= -_POLE or north >= _POLE or angle >= pi / 2:
        return Box(south, north, ((-inf, inf),))
    width = degrees(asin(sin(angle) / cos(radians(value.latitude))))
    west, east = value.longitude - width, value.longitude + width
    if west < -_HALF_TURN:
        return Box(south, north, ((west + 2 * _HALF_TURN, _HALF_TURN), (-_HALF_TURN, east)))
    if east > _HALF_TURN:
        return Box(south, north, ((west, _HALF_TURN), (-_HALF_TURN, east - 2 * _HALF_TURN)))
    return Box(south, north, ((west, east),))
