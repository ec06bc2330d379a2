"""Order, pages, totals.

Spec: https://hl7.org/fhir/R4/search.html#sort
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_api.store.port import TenantStore
from tests.support.stores import found_in_order, query, update, write

FAMILIES = ["Zoe", "anna", "Ánna", "Bob", None]


def patient(number: int, **members: Any) -> dict[str, Any]:
    family = FAMILIES[number % len(FAMILIES)]
    name = {"name": [{"family": family}]} if family else {}
    birth = {"birthDate": f"19{80 + number % 4}-01-0{1 + number % 7}"} if number % 3 else {}
    return {"resourceType": "Patient", "id": f"p{number:02}", **name, **birth, **members}


@pytest.fixture
async def filled(store: TenantStore) -> TenantStore:
    """25 patients."""
    await store.write([write(patient(number)) for number in range(25)])
    return store


ORDERS = [
    "",
    "&_sort=_id",
    "&_sort=-_id",
    "&_sort=_lastUpdated",
    "&_sort=-_lastUpdated",
    "&_sort=birthdate",
    "&_sort=-birthdate",
    "&_sort=family",
    "&_sort=-family,birthdate",
    "&_sort=family,-birthdate,_id",
]


@pytest.mark.parametrize("count", [1, 4, 5, 24, 25, 26])
@pytest.mark.parametrize("order", ORDERS)
async def test_pages_hold_each_match_once_in_one_order(filled: TenantStore, order: str, count: int) -> None:
    wanted = query(f"Patient?_count={count}{order}")
    pages: list[list[str]] = []
    cursor: bytes | None = None
    while cursor is not None or not pages:
        page = await filled.search(replace(wanted, cursor=cursor))
        pages.append([version.key.logical_id for version in page.matches])
        cursor = page.next_cursor
    assert [len(page) for page in pages[:-1]] == [count] * (len(pages) - 1)
    assert pages[-1], "the last page is not empty"
    ids = [logical_id for page in pages for logical_id in page]
    assert ids == await found_in_order(filled, f"Patient?_count=100{order}")
    assert sorted(ids) == [f"p{number:02}" for number in range(25)]


async def test_what_changes_between_pages_neither_doubles_nor_hides_what_stays(filled: TenantStore) -> None:
    wanted = query("Patient?_count=5&_sort=family")
    seen: list[str] = []
    cursor: bytes | None = None
    for turn in range(100):
        page = await filled.search(replace(wanted, cursor=cursor))
        seen += [version.key.logical_id for version in page.matches]
        cursor = page.next_cursor
        if cursor is None:
            break
        await filled.write([write(patient(100 + turn)), update(patient(turn, active=True))])
    assert len(seen) == len(set(seen))
    assert {f"p{number:02}" for number in range(25)} <= set(seen)


async def test_sort_by_id(filled: TenantStore) -> None:
    assert await found_in_order(filled, "Patient?_sort=_id&_count=3") == ["p00", "p01", "p02"]
    assert await found_in_order(filled, "Patient?_sort=-_id&_count=3") == ["p24", "p23", "p22"]


async def test_strings_are_sorted_without_case_and_accents(filled: TenantStore) -> None:
    ids = await found_in_order(filled, "Patient?_sort=family,_id&family:missing=false&_count=100")
    groups = [FAMILIES[int(logical_id[1:]) % len(FAMILIES)] for logical_id in ids]
    assert groups == [*(["anna", "Ánna"] * 5), *["Bob"] * 5, *["Zoe"] * 5]


async def test_a_missing_value_comes_last_in_both_directions(filled: TenantStore) -> None:
    missing = {f"p{number:02}" for number in range(4, 25, 5)}
    for order in ("family", "-family"):
        assert set((await found_in_order(filled, f"Patient?_sort={order}&_count=100"))[-5:]) == missing


async def test_of_several_values_the_one_that_comes_first_counts(store: TenantStore) -> None:
    both = {"resourceType": "Patient", "id": "both", "name": [{"family": "a"}, {"family": "z"}]}
    middle = {"resourceType": "Patient", "id": "middle", "name": [{"family": "m"}]}
    await store.write([write(both), write(middle)])
    assert await found_in_order(store, "Patient?_sort=family") == ["both", "middle"]
    assert await found_in_order(store, "Patient?_sort=-family") == ["both", "middle"]


async def test_several_keys(store: TenantStore) -> None:
    births = {"a": "1990", "b": "1980", "c": "1990", "d": "1980"}
    genders = {"a": "male", "b": "male", "c": "female", "d": "female"}
    await store.write(
        [
            write(
                {"resourceType": "Patient", "id": name, "birthDate": births[name], "name": [{"family": genders[name]}]}
            )
            for name in births
        ]
    )
    assert await found_in_order(store, "Patient?_sort=family,-birthdate") == ["c", "d", "a", "b"]
    assert await found_in_order(store, "Patient?_sort=-birthdate,family") == ["c", "a", "d", "b"]


async def test_dates_and_last_updated_order_observations(store: TenantStore) -> None:
    for day in (3, 1, 2):
        tree = {"resourceType": "Observation", "id": f"o{day}", "status": "final", "code": {"text": "x"}}
        await store.write([write({**tree, "effectiveDateTime": f"2020-01-0{day}T08:00:00Z"})])
    assert await found_in_order(store, "Observation?_sort=date") == ["o1", "o2", "o3"]
    assert await found_in_order(store, "Observation?_sort=-date") == ["o3", "o2", "o1"]
    page = await store.search(query("Observation?_sort=-_lastUpdated"))
    instants = [version.last_updated for version in page.matches]
    assert instants == sorted(instants, reverse=True)


async def test_the_total_is_given_when_asked_for(filled: TenantStore) -> None:
    page = await filled.search(query("Patient?family=anna&_count=3&_total=accurate"))
    assert (len(page.matches), page.total) == (3, 10)
    page = await filled.search(replace(query("Patient?family=anna&_count=3&_total=accurate"), cursor=page.next_cursor))
    assert (len(page.matches), page.total) == (3, 10)


@pytest.mark.parametrize("url", ["Patient?family=anna&_count=0", "Patient?family=anna&_summary=count"])
async def test_a_count_has_the_total_and_no_resources(filled: TenantStore, url: str) -> None:
    page = await filled.search(query(url))
    assert (list(page.matches), page.next_cursor, page.total) == ([], None, 10)


async def test_matching_keys_are_limited(filled: TenantStore) -> None:
    assert len(await filled.matching_keys("Patient", query("Patient?family=anna").clauses, 2)) == 2
    assert len(await filled.matching_keys("Patient", query("Patient?family=anna").clauses, 100)) == 10
    assert await filled.matching_keys("Group", (), 100) == []


async def test_an_or_list_of_2000_values(filled: TenantStore) -> None:
    values = ",".join([f"http://s|{number}" for number in range(2000)])
    await filled.write(
        [write({"resourceType": "Patient", "id": "x", "identifier": [{"system": "http://s", "value": "1999"}]})]
    )
    assert await found_in_order(filled, f"Patient?identifier={values}") == ["x"]
