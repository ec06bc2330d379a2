"""Searches for the same at the same time are carried out once, and never answer from before they were asked."""

from __future__ import annotations

import asyncio

import pytest

from fhir_api.search.query import Query
from fhir_api.store.port import Page
from fhir_api.store.postgres.alike import Alike

PATIENTS = Query(("Patient",))


class Searches:
    """Stands in for the store: counts what is carried out; a page tells how many were written before it began."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.begun = 0
        self.written = 0
        self.failure = failure

    async def find(self) -> Page:
        self.begun += 1
        total = self.written
        await asyncio.sleep(0.001)
        if self.failure is not None:
            raise self.failure
        return Page([], total=total)


async def test_those_that_come_while_one_is_under_way_share_the_next() -> None:
    searches, alike = Searches(), Alike()
    pages = await asyncio.gather(*(alike.page(PATIENTS, searches.find) for _ in range(9)))
    assert searches.begun == 2
    assert len({id(page) for page in pages}) == 2


async def test_what_was_written_before_it_was_asked_is_found() -> None:
    searches, alike = Searches(), Alike()

    async def one_that_writes_first(number: int) -> bool:
        await asyncio.sleep(number * 0.0003)
        searches.written += 1
        seen_by_itself = searches.written
        page = await alike.page(PATIENTS, searches.find)
        return page.total is not None and page.total >= seen_by_itself

    assert all(await asyncio.gather(*(one_that_writes_first(number) for number in range(20))))
    assert searches.begun < 20


async def test_others_are_carried_out_by_themselves() -> None:
    searches, alike = Searches(), Alike()
    others = [Query(("Patient",), count=count) for count in range(1, 5)]
    await asyncio.gather(*(alike.page(query, searches.find) for query in others))
    assert searches.begun == len(others)


async def test_one_that_fails_fails_for_all_that_waited_for_it_and_for_nobody_else() -> None:
    searches, alike = Searches(ValueError("no")), Alike()
    outcomes = await asyncio.gather(*(alike.page(PATIENTS, searches.find) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError] * 3
    searches.failure = None
    assert (await alike.page(PATIENTS, searches.find)).total == 0


async def test_one_whose_client_leaves_takes_nobody_with_it() -> None:
    searches, alike = Searches(), Alike()
    tasks = [asyncio.create_task(alike.page(PATIENTS, searches.find)) for _ in range(4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[1].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(outcome, Page) for outcome in done] == [False, False, True, True]


async def test_one_that_takes_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_api.store.postgres.alike.PATIENCE", 0.0)
    release = asyncio.Event()
    alike = Alike()

    async def find() -> Page:
        await release.wait()
        return Page([])

    searches = Searches()
    stuck = [asyncio.create_task(alike.page(PATIENTS, find)) for _ in range(2)]
    await asyncio.sleep(0.01)
    assert (await alike.page(PATIENTS, searches.find)).total == 0
    release.set()
    await asyncio.gather(*stuck)


async def test_what_includes_may_show_is_not_compared() -> None:
    searches, alike = Searches(), Alike()
    narrowed = Query(("Patient",), visible={})
    await asyncio.gather(*(alike.page(narrowed, searches.find) for _ in range(3)))
    assert searches.begun == 3


async def test_a_search_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[object] = []

    def counting(query: object) -> int:
        hashed.append(query)
        return 1

    monkeypatch.setattr("fhir_api.store.postgres.alike.hash", counting, raising=False)
    searches, alike = Searches(), Alike()
    await alike.page(PATIENTS, searches.find)
    assert hashed == [PATIENTS]
    others = [Query(("Patient",), count=count) for count in (1, 2)]
    await asyncio.gather(*(alike.page(query, searches.find) for query in others))
    assert searches.begun == 3
