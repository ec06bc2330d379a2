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
from fhir_api.store.postgres.guard import COSTLY, Guard
from tests.support.stores import query, write

ANY = {each: Limit(60) for each in RequestClass}


class Database:
    """Connections that answer when they are told to; counts those in use."""

    def __init__(self, cost: float = 1.0) -> None:
        self.cost = cost
        self.in_use = 0
        self.answers = asyncio.Event()
        self.asked: list[str] = []

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Database]:
        self.in_use += 1
        yield self
        self.in_use -= 1

    async def fetch(self, statement: str, *_: Any) -> list[Any]:
        self.asked.append(statement)
        if statement.startswith("EXPLAIN"):
            return [(orjson.dumps([{"Plan": {"Total Cost": self.cost}}]).decode(),)]
        if not statement.startswith("cheap"):
            await self.answers.wait()
        return []


async def asked(guard: Guard, database: Database, statement: str, own: RequestClass = RequestClass.SEARCH) -> list[Any]:
    return await guard.bounded(own, database.lend, lambda _: "1", lambda fetch: fetch(statement))  # type: ignore[arg-type]  # a twin


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


async def test_what_takes_too_long_ends_and_its_connection_is_used_again(migrated: ConnectionInfo) -> None:
    pool = Pool(PoolOptions(dsn=migrated.app_dsn, size=1))
    guard = Guard(Limits({each: Limit(0.2) for each in RequestClass}))
    with pytest.raises(FhirError) as refusal:
        await guard.bounded(
            RequestClass.SEARCH, pool.acquire, lambda _: "1", lambda fetch: fetch("SELECT $1::text, pg_sleep(60)")
        )
    assert refusal.value.kind is ErrorKind.TOO_COSTLY
    again = Guard(Limits(ANY))
    rows = await again.bounded(RequestClass.SEARCH, pool.acquire, lambda _: "1", lambda fetch: fetch("SELECT $1::text"))
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
