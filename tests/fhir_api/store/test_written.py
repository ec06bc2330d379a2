"""The statement of a search that comes again is not written again, where nothing that is stored decides about it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_api.search.query import Query
from fhir_api.store.postgres.search import rarer
from fhir_api.store.postgres.search.statements import Search
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import query, write
from tests.support.tenants import new_tenant

AGAIN = [
    "Patient?family=uwa",
    "Patient?family=uwa,mug&gender=female",
    "Patient?birthdate=ge1980",
    "Patient?_sort=-birthdate",
    "Observation?code=http://loinc.org|1",
    "Observation?subject=Patient/p0&_sort=-date&_count=2",
    "Observation?value-quantity=gt4",
    "Patient?name:exact=Uwase",
]
BY_WHAT_IS_STORED = ["Patient?_has:Observation:subject:code=1", "Observation?subject:Patient.gender=female"]
ASKED_OTHERWISE = [
    "Patient?family:contains=was",
    "Patient?family=uwa&_total=accurate",
    "Patient?family=uwa&_summary=count",
]


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fills with the statements of pages that are written."""
    written: list[str] = []
    write_page = Search.page

    def page(self: Search, links: Any = ()) -> str:
        written.append(write_page(self, links))
        return written[-1]

    monkeypatch.setattr(Search, "page", page)
    return written


def of(number: int) -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "Patient",
            "id": f"p{number}",
            "gender": "female",
            "birthDate": "1990-01-01",
            "name": [{"family": "Uwase"}],
        },
        {
            "resourceType": "Observation",
            "id": f"p{number}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "1"}]},
            "subject": {"reference": "Patient/p0"},
            "effectiveDateTime": f"2024-01-0{number + 1}",
            "valueQuantity": {"value": 5},
        },
    ]


@pytest.mark.parametrize("url", AGAIN)
async def test_it_is_written_once_and_finds_what_came_since(stores: PostgresStores, pages: list[str], url: str) -> None:
    tenant = stores.for_tenant(new_tenant())
    for number in range(3):
        await tenant.write([write(tree) for tree in of(number)])
        page = await tenant.search(query(url))
        assert len(page.matches) == min(number + 1, query(url).count)
        assert (page.next_cursor is not None) == (number + 1 > query(url).count)
    assert len(pages) == 1


async def test_a_page_link_of_one_that_was_known_leads_on(stores: PostgresStores) -> None:
    tenant = stores.for_tenant(new_tenant())
    await tenant.write([write(tree) for number in range(5) for tree in of(number)])
    for _ in range(2):
        asked: Query | None = query("Patient?family=uwa&_count=2")
        walked: list[str] = []
        while asked is not None:
            page = await tenant.search(asked)
            walked += [version.key.logical_id for version in page.matches]
            asked = None if page.next_cursor is None else replace(asked, cursor=page.next_cursor)
        assert sorted(walked) == [f"p{number}" for number in range(5)]


async def test_tenants_share_the_statement_and_nothing_of_what_it_finds(
    stores: PostgresStores, pages: list[str]
) -> None:
    full, empty = (stores.for_tenant(new_tenant()) for _ in range(2))
    await full.write([write(tree) for tree in of(0)])
    assert len((await full.search(query("Patient?family=uwase"))).matches) == 1
    assert (await empty.search(query("Patient?family=uwase"))).matches == []
    assert len(pages) == 1


@pytest.mark.parametrize("url", [*BY_WHAT_IS_STORED, *ASKED_OTHERWISE, f"Patient?family={'u' * 600}"])
async def test_others_are_written_each_time(stores: PostgresStores, pages: list[str], url: str) -> None:
    tenant = stores.for_tenant(new_tenant())
    for _ in range(2):
        await tenant.search(query(url))
    assert len(pages) in {0, 2}


async def test_lists_of_many_values_are_not_kept(stores: PostgresStores, pages: list[str]) -> None:
    tenant = stores.for_tenant(new_tenant())
    many = query(f"Patient?_id={','.join(f'p{number}' for number in range(100))}")
    for _ in range(2):
        await tenant.search(many)
    assert len(pages) == 2


def observation(number: int, status: str) -> dict[str, object]:
    made = {"resourceType": "Observation", "id": f"o{number}", "status": status, "code": {"coding": [{"code": "a"}]}}
    return {**made, "effectiveDateTime": f"20{number:02}-01-01"}


async def test_older_matches_are_found_when_what_was_tried_before_no_longer_fills_the_page(
    stores: PostgresStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rarer, "TRIED", 4)
    tenant, asked = stores.for_tenant(new_tenant()), query("Observation?code=a&status=final&_count=2")
    await tenant.write([write(observation(number, "final")) for number in range(10, 14)])
    assert len((await tenant.search(asked)).matches) == 2
    newer = [observation(number, "amended") for number in range(20, 30)]
    newer += [observation(number, "final") | {"code": {"coding": [{"code": "b"}]}} for number in range(30, 40)]
    await tenant.write([write(each) for each in newer])
    found = [version.key.logical_id for version in (await tenant.search(asked)).matches]
    assert found == ["o13", "o12"]
