"""Which values parameters have at all, and searches by the primary clinical date."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.model.dates import EARLIEST, LATEST, interval
from fhir_api.search.query import PrimaryDateClause, Query
from fhir_api.store.port import TenantStore, ValueInUse
from tests.support.stores import DEFINITIONS, deletion, update, write

RED, BLUE = {"system": "http://x", "code": "red"}, {"code": "blue"}


def patient(logical_id: str, **meta: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": logical_id, "meta": meta}


def parameters(resource_type: str) -> list[Any]:
    known = DEFINITIONS.parameters(resource_type)
    return [known["_tag"], known["_profile"]]


async def test_values_in_use_are_those_of_current_resources(store: TenantStore):
    await store.write(
        [
            write(patient("a", tag=[RED, BLUE], profile=["http://p/1", "http://p/2"])),
            write(patient("b", tag=[RED], profile=["http://p/2"])),
            write(patient("c", tag=[{"code": "gone"}], profile=["http://p/gone"])),
            write({**patient("d", tag=[{"code": "other"}]), "resourceType": "Person"}),
        ]
    )
    await store.write([deletion("Patient/c"), update(patient("a", tag=[BLUE], profile=["http://p/1"]))])
    tag, profile = parameters("Patient")
    assert sorted(await store.values_in_use([tag, profile]), key=str) == sorted(
        [
            ValueInUse(tag.key, "http://x", "red"),
            ValueInUse(tag.key, None, "blue"),
            ValueInUse(profile.key, None, "http://p/1"),
            ValueInUse(profile.key, None, "http://p/2"),
        ],
        key=str,
    )


async def test_nothing_in_use(store: TenantStore):
    assert await store.values_in_use([]) == []
    assert await store.values_in_use(parameters("Patient")) == []


TREES: list[dict[str, Any]] = [
    {"resourceType": "Observation", "id": "day", "status": "final", "code": {}, "effectiveDateTime": "2026-02-01"},
    {"resourceType": "Observation", "id": "undated", "status": "final", "code": {}},
    {"resourceType": "Encounter", "id": "long", "status": "finished", "class": {},
     "period": {"start": "2026-01-01", "end": "2026-03-01"}},
    {"resourceType": "Encounter", "id": "open", "status": "finished", "class": {}, "period": {"start": "2026-03-01"}},
    {"resourceType": "Encounter", "id": "until", "status": "finished", "class": {}, "period": {"end": "2025-03-01"}},
    {"resourceType": "Patient", "id": "none"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("start", "end", "ids"),
    [
        (None, None, "day undated long open until none"),
        ("2026-02", "2026-02", "day long undated none"),
        ("2026-02-02", None, "long open undated none"),
        (None, "2026-01-31", "long until undated none"),
        ("2030", "2030", "open undated none"),
        ("2025-03-02", "2025-12", "undated none"),
    ],
)
async def test_the_primary_date_meets_a_range(store: TenantStore, start: str | None, end: str | None, ids: str):
    await store.write([write(tree) for tree in TREES])
    types = ("Encounter", "Observation", "Patient")
    dates = tuple(date for name in types if (date := DEFINITIONS.primary_date(name)) is not None)
    low = EARLIEST if start is None else interval(start).low
    high = LATEST if end is None else interval(end).high
    page = await store.search(Query(types, (PrimaryDateClause(dates, low, high),)))
    assert {version.key.logical_id for version in page.matches} == set(ids.split())
