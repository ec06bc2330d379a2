"""What searches may cost: time, the planner's expectation, connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from stanforis.storage.embedded import ConnectionInfo
from stanforis.storage.pool import Pool, PoolOptions

from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.store.explaining import Explaining
from fhir_api.store.limits import Limit, Limits, RequestClass, counted_as
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres import working
from fhir_api.store.postgres.guard import COSTLY, Guard
from fhir_api.store.postgres.opening import ROLE
from tests.support.stores import query, write

ANY = {each: Limit(60) for each in RequestClass}


class Database:
    """Connections that answer when they are told to; counts those in use."""

    def __init__(self, cost: float = 1.0) -> None:
        self.cost = cost
        self.in_use = 0
        self.answers = asyncio.Event()
        self.asked: list[str] = []
        self.now = 0.0
        self.is_read_from_disk = False

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Database]:
        self.in_use += 1
        try:
            yield self
        finally:
            self.in_use -= 1

    async def fetch(self, statement: str, *_: Any) -> list[Any]:
        self.asked.append(statement)
        if statement.startswith("EXPLAIN"):
            await asyncio.sleep(0)
            return [(orjson.dumps([{"Plan": {"Total Cost": self.cost}}]).decode(),)]
        if not statement.startswith("cheap"):
            await self.answers.wait()
        return []

    def get_server_pid(self) -> int:
        return 1

    async def is_on_disk(self, _: int) -> bool:
        return self.is_read_from_disk

    def clock(self) -> float:
        return self.now

    def answer(self) -> None:
        """Answer what is asked now, but not what is asked later."""
        self.answers.set()
        self.answers = asyncio.Event()


async def one(_: object) -> str:
    """Return the context of a tenant."""
    return "1"


async def asked(guard: Guard, database: Database, statement: str, own: RequestClass = RequestClass.SEARCH) -> list[Any]:
    return await guard.bounded(own, database.lend, one, lambda fetch: fetch(statement))  # type: ignore[arg-type]  # a twin


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("cost", [1.0, COSTLY + 1.0], ids=["new", "costly"])
async def test_costly_searches_hold_few_connections_and_cheap_ones_pass(cost: float) -> None:
    database = Database()
    guard = Guard(Limits(ANY, costly_connections=2))
    await asked(guard, database, "cheap")
    database.cost = cost
    slow = [asyncio.create_task(asked(guard, database, f"slow {n}")) for n in range(10)]
    await settled()
    assert database.in_use == 2
    await asked(guard, database, "cheap")
    database.answers.set()
    await asyncio.gather(*slow)
    assert database.in_use == 0


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> tuple[Guard, Database]:
    """A guard that looks all the time, and its database, whose clock is set by hand."""
    monkeypatch.setattr(working, "_FIRST_LOOK", 0)
    monkeypatch.setattr(working, "_BETWEEN_LOOKS", 0)
    database = Database()
    return Guard(Limits(ANY, costly_connections=2), database.is_on_disk, database.clock), database


async def looked() -> None:
    for _ in range(20):
        await asyncio.sleep(0.001)


async def run(guard: Guard, database: Database, times: int, seconds: float) -> list[asyncio.Task[list[Any]]]:
    """Begin *times* runs of one statement and let time pass."""
    begun = [asyncio.create_task(asked(guard, database, "slow")) for _ in range(times)]
    await looked()
    database.now += seconds
    await looked()
    return begun


async def once_known(guard: Guard, database: Database) -> None:
    tasks = await run(guard, database, 1, 0.01)
    database.answer()
    await asyncio.gather(*tasks)


async def test_first_reads_from_the_disk_condemn_no_search(watched: tuple[Guard, Database]) -> None:
    guard, database = watched
    await once_known(guard, database)
    database.is_read_from_disk = True
    for _ in range(3):
        slow = await run(guard, database, 5, 0.9)
        slow += await run(guard, database, 2, 0.0)
        assert database.in_use == 7
        database.answer()
        await asyncio.gather(*slow)


async def test_what_works_long_lets_others_of_its_kind_wait_while_it_runs(watched: tuple[Guard, Database]) -> None:
    guard, database = watched
    await once_known(guard, database)
    slow = await run(guard, database, 5, 0.9)
    later = await run(guard, database, 3, 0.0)
    assert database.in_use == 5
    await asked(guard, database, "cheap")
    database.answer()
    await asyncio.gather(*slow)
    # one slow run of each is not usual yet: those that waited begin, at most two of the costly at a time
    await looked()
    while not all(task.done() for task in later):
        assert 0 < database.in_use <= 3
        database.answer()
        await looked()


async def test_costly_searches_are_not_in_the_way_of_new_ones(watched: tuple[Guard, Database]) -> None:
    guard, database = watched
    slow = [asyncio.create_task(asked(guard, database, f"slow {n}")) for n in range(6)]
    for _ in range(10):
        await looked()
        database.now += 0.9
    assert database.in_use == 4
    for each in slow[2:]:
        each.cancel()
    await looked()
    assert database.in_use == 2
    await asked(guard, database, "cheap")
    database.answer()
    await asyncio.wait(slow)


async def test_what_usually_works_long_waits_for_a_place_and_is_answered(watched: tuple[Guard, Database]) -> None:
    guard, database = watched
    database.now = 1.0
    (first,) = await run(guard, database, 1, 3.0)
    database.answer()
    await first
    waiting = await run(guard, database, 10, 3.0)
    while not all(task.done() for task in waiting):
        assert database.in_use == 2
        database.now += 3.0
        database.answer()
        await looked()
    assert [task.result() for task in waiting] == [[]] * 10


async def test_a_search_that_is_quick_again_needs_no_place_any_more(watched: tuple[Guard, Database]) -> None:
    guard, database = watched
    (first,) = await run(guard, database, 1, 1.5)
    database.answer()
    await first
    for _ in range(6):
        await once_known(guard, database)
    quick = await run(guard, database, 6, 0.1)
    assert database.in_use == 6
    database.answer()
    await asyncio.gather(*quick)


async def test_the_database_tells_what_a_statement_waits_for(migrated: ConnectionInfo) -> None:
    pool, looks = Pool(PoolOptions(migrated.app_dsn, size=2)), Pool(PoolOptions(migrated.app_dsn, size=1, role=ROLE))
    lock = "SELECT pg_advisory_lock(5512)"
    async with pool.acquire() as holder, pool.acquire() as waiter:
        await holder.fetch(lock)
        waiting = asyncio.create_task(waiter.fetch(lock))
        for _ in range(1000):
            if await working.waits_for(looks, waiter.get_server_pid()) == "Lock":
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("the statement was not seen to wait")
        assert not await working.looking(looks)(waiter.get_server_pid())
        await holder.fetch("SELECT pg_advisory_unlock_all()")
        await waiting
    await pool.close()
    await looks.close()


async def test_a_statement_is_explained_once() -> None:
    database = Database()
    guard = Guard(Limits(ANY))
    for _ in range(5):
        await asked(guard, database, "cheap")
    assert database.asked == ["EXPLAIN (FORMAT JSON) cheap", *["cheap"] * 5]


async def test_what_the_planner_expects_to_cost_too_much_is_not_begun() -> None:
    database = Database(cost=101.0)
    guard = Guard(Limits({**ANY, RequestClass.SEARCH: Limit(60, 100), RequestClass.OPERATION: Limit(60, 200)}))
    with pytest.raises(FhirError) as refusal:
        await asked(guard, database, "cheap")
    assert refusal.value.kind is ErrorKind.TOO_COSTLY
    assert "Narrow it" in refusal.value.issues[0].diagnostics
    with counted_as(RequestClass.OPERATION):
        await asked(guard, database, "cheap")
    assert database.asked == ["EXPLAIN (FORMAT JSON) cheap", "cheap"]


async def test_who_waits_while_the_planner_is_asked_is_refused_as_well() -> None:
    database = Database(cost=101.0)
    guard = Guard(Limits({**ANY, RequestClass.SEARCH: Limit(60, 100)}, costly_connections=1))
    results = await asyncio.gather(*(asked(guard, database, "cheap") for _ in range(3)), return_exceptions=True)
    assert [isinstance(result, FhirError) for result in results] == [True, True, True]
    assert database.asked == ["EXPLAIN (FORMAT JSON) cheap"]


async def test_the_planner_is_asked_again_after_a_while() -> None:
    database = Database(cost=101.0)
    guard = Guard(Limits({**ANY, RequestClass.SEARCH: Limit(60, 100)}), database.is_on_disk, database.clock)
    for seconds in (0.0, 59.0, 61.0):
        database.now = seconds
        with pytest.raises(FhirError):
            await asked(guard, database, "cheap")
    assert len(database.asked) == 2
    database.cost, database.now = 99.0, 122.0
    await asked(guard, database, "cheap")
    assert database.asked[2:] == ["EXPLAIN (FORMAT JSON) cheap", "cheap"]


async def test_what_takes_too_long_ends_and_its_connection_is_used_again(migrated: ConnectionInfo) -> None:
    pool = Pool(PoolOptions(dsn=migrated.app_dsn, size=1))
    guard = Guard(Limits({each: Limit(0.2) for each in RequestClass}))
    with pytest.raises(FhirError) as refusal:
        await guard.bounded(
            RequestClass.SEARCH, pool.acquire, one, lambda fetch: fetch("SELECT $1::text, pg_sleep(60)")
        )
    assert refusal.value.kind is ErrorKind.TOO_COSTLY
    again = Guard(Limits(ANY))
    rows = await again.bounded(RequestClass.SEARCH, pool.acquire, one, lambda fetch: fetch("SELECT $1::text"))
    assert [tuple(row) for row in rows] == [("1",)]
    await pool.close()


@pytest.mark.parametrize("new_store", ["postgres"], indirect=True)
async def test_plans_name_indexes_and_hold_no_values(store: TenantStore) -> None:
    patient = {"resourceType": "Patient", "id": "secret-id", "name": [{"family": "Ngabo"}], "birthDate": "1931-05-17"}
    await store.write([write(patient)])
    assert isinstance(store, Explaining)
    statements = await store.explain(query("Patient?family=Ngabo&birthdate=1931-05-17&_total=accurate"))
    assert len(statements) == 2
    served = [use for statement in statements for use in statement.served]
    assert {"Patient.family"} <= {code for use in served for code in use.parameters}
    assert all(use.index and use.table for use in served)
    assert "Shared Hit Blocks" in statements[0].plan[0]["Plan"]
    text = str(statements).lower()
    assert not any(value in text for value in ("ngabo", "secret-id", "1931"))
