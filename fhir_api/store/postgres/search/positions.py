"""Conditions on positions, in rows of ``composite``.

Meaning: ``fhir_api.search.types.near``.
"""

from __future__ import annotations

from fhir_api.search.query import NearValue, Value
from fhir_api.search.types.near import EARTH_RADIUS, box
from fhir_api.store.postgres.statement import Arguments


def near(arguments: Arguments, key: str, value: Value) -> str:
    """Return the condition on positions, whose latitude is in ``low`` and whose longitude in ``high``."""
    if not isinstance(value, NearValue):
        return f"(x.param = {key} AND false)"

    def bind(number: float) -> str:
        return arguments.bind(number, "float8")

    bounds = box(value)
    inside = " OR ".join(f"x.high BETWEEN {bind(west)} AND {bind(east)}" for west, east in bounds.longitudes)
    latitude, longitude = bind(value.latitude), bind(value.longitude)
    chord = (
        f"sin(radians(x.low - {latitude}) / 2) ^ 2 + "
        f"cos(radians(x.low)) * cos(radians({latitude})) * sin(radians(x.high - {longitude}) / 2) ^ 2"
    )
    distance = f"{bind(2 * EARTH_RADIUS)} * asin(sqrt(least(1, {chord})))"
    return (
        f"(x.param = {key} AND x.first = 0 AND x.low BETWEEN {bind(bounds.south)} AND {bind(bounds.north)} "
        f"AND ({inside}) AND {distance} <= {bind(value.metres)})"
    )
