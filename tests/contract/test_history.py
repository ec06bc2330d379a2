"""History of a resource, a type, and everything."""

from __future__ import annotations

from itertools import pairwise

import pytest

from fhir_api.store.port import HistoryQuery, TenantStore
from tests.support.stores import deletion, update, write


@pytest.fixture
async def written(store: TenantStore) -> TenantStore:
    """Patient a in three versions, the last a deletion, Patient b in two, and a Group."""
    for change in (
        write({"resourceType": "Patient", "id": "a"}),
        write({"resourceType": "Group", "id": "a"}),
        write({"resourceType": "Patient", "id": "b"}),
        update({"resourceType": "Patient", "id": "a", "active": True}),
        update({"resourceType": "Patient", "id": "b", "active": True}),
        deletion("Patient/a"),
    ):
        await store.write([change])
    return store


NEWEST_FIRST = ["Patient/a/3", "Patient/b/2", "Patient/a/2", "Patient/b/1", "Group/a/1", "Patient/a/1"]


async def versions(store: TenantStore, query: HistoryQuery) -> list[str]:
    page = await store.history(query)
    return [f"{version.key}/{version.version_id}" for version in page.matches]


@pytest.mark.parametrize(
    ("resource_type", "logical_id", "prefix"),
    [(None, None, ""), ("Patient", None, "Patient/"), ("Patient", "a", "Patient/a/")],
)
async def test_history_is_newest_first(
    written: TenantStore, resource_type: str | None, logical_id: str | None, prefix: str
) -> None:
    expected = [name for name in NEWEST_FIRST if name.startswith(prefix)]
    assert await versions(written, HistoryQuery(resource_type, logical_id, 100)) == expected


async def test_history_of_nothing_is_empty(written: TenantStore) -> None:
    assert await versions(written, HistoryQuery("Patient", "zzz", 10)) == []


async def test_pages_join_up_without_gap_or_repetition_while_writers_go_on(written: TenantStore) -> None:
    seen: list[str] = []
    cursor = None
    for _ in range(len(NEWEST_FIRST)):
        page = await written.history(HistoryQuery(None, None, 2, cursor=cursor))
        seen += [f"{version.key}/{version.version_id}" for version in page.matches]
        cursor = page.next_cursor
        if cursor is None:
            break
        await written.write([update({"resourceType": "Patient", "id": "c", "active": len(seen) == 2})])
    assert seen == NEWEST_FIRST


async def test_the_last_page_has_no_next_one(written: TenantStore) -> None:
    page = await written.history(HistoryQuery("Patient", "a", 3))
    assert page.next_cursor is None


async def test_since_keeps_versions_at_or_after_the_instant(written: TenantStore) -> None:
    page = await written.history(HistoryQuery(None, None, 100))
    instants = [version.last_updated for version in page.matches]
    assert all(newer >= older for newer, older in pairwise(instants))
    since = instants[2]
    expected = [name for name, instant in zip(NEWEST_FIRST, instants, strict=True) if instant >= since]
    assert await versions(written, HistoryQuery(None, None, 100, since=since)) == expected
    assert await versions(written, HistoryQuery(None, None, 100, since=instants[0] + 1)) == []


async def test_at_keeps_versions_that_were_current_then(written: TenantStore) -> None:
    last = (await written.history(HistoryQuery(None, None, 1))).matches[0].last_updated
    current = ["Patient/a/3", "Patient/b/2", "Group/a/1"]
    assert await versions(written, HistoryQuery(None, None, 100, at=(last + 1, last + 2))) == current
    assert await versions(written, HistoryQuery(None, None, 100, at=(0, 1))) == []
    assert await versions(written, HistoryQuery(None, None, 100, at=(0, last + 1))) == NEWEST_FIRST
