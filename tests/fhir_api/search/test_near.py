"""Distances on the earth, and the bounds that a search by distance reads between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_api.search.query import NearValue
from fhir_api.search.types.near import box, metres_between

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


def test_a_degree_of_the_equator_is_a_360th_of_it() -> None:
    assert metres_between(0, 10, 0, 11) == pytest.approx(40_030_228.9 / 360, rel=1e-6)


def test_the_shorter_way_across_the_180th_meridian_counts() -> None:
    assert metres_between(0, 179.5, 0, -179.5) == pytest.approx(metres_between(0, 0, 0, 1))


@given(latitudes, longitudes, latitudes, longitudes, st.floats(0, 30_000_000))
def test_the_box_holds_every_point_of_the_circle(
    latitude: float, longitude: float, other_latitude: float, other_longitude: float, metres: float
) -> None:
    if metres_between(latitude, longitude, other_latitude, other_longitude) > metres:
        return
    bounds = box(NearValue(latitude, longitude, metres))
    assert bounds.south <= other_latitude <= bounds.north
    assert any(west <= other_longitude <= east for west, east in bounds.longitudes)
