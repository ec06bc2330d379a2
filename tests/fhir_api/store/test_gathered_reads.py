"""Reads and quick searches of different requests share a call, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres import lookups, volleys
from fhir_api.store.postgres.session import fenced, numbered
from fhir_api.store.postgres.store import PostgresStores
from fhir_api.store.postgres.volleys import Rows, Values, Volleys
from tests.support.stores import found, key_of, write
from tests.support.tenants import new_tenant

STATEMENT = fenced("x.n", "SELECT 1 AS n LIMIT 1")


def patient(logical_id: str, family: str = "Uwase") -> dict[str, Any]:
    return {"resourceType": "Patient", "id": logical_id, "name": [{"family": family}]}


class Recorder:
    """Stands in for the database: answers each run with its own values, and fails as it is told."""

    def __init__(self, failure: Exception | None = None, poison: Values | None = None) -> None:
        self.calls: list[list[Values]] = []
        self.failure = failure
        self.poison = poison

    async def run_each(self, _: str, each: Sequence[Values]) -> list[Rows]:
        self.calls.append(list(each))
        await asyncio.sleep(0)
        if self.failure is not None and (self.poison is None or self.poison in each):
            raise self.failure
        return [[values] for values in each]  # type: ignore[list-item]  # what a row is does not matter here


async def asked(recorder: Recorder, count: int) -> list[Any]:
    runs = Volleys(recorder.run_each)
    return await asyncio.gather(*(runs.fetch(STATEMENT, (n,)) for n in range(count)), return_exceptions=True)


async def test_runs_at_the_same_time_are_one_call_and_each_gets_its_own_rows() -> None:
    recorder = Recorder()
    assert await asked(recorder, 5) == [[(n,)] for n in range(5)]
    assert len(recorder.calls) == 1


async def test_a_call_has_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volleys, "MOST", 2)
    recorder = Recorder()
    assert await asked(recorder, 5) == [[(n,)] for n in range(5)]
    assert [len(call) for call in recorder.calls] == [2, 2, 1]


async def test_one_that_fails_fails_alone() -> None:
    recorder = Recorder(refuse(ErrorKind.TOO_COSTLY, "too long"), poison=(1,))
    answers = await asked(recorder, 3)
    assert [answer for answer in answers if not isinstance(answer, FhirError)] == [[(0,)], [(2,)]]
    assert answers[1].kind is ErrorKind.TOO_COSTLY


async def test_a_database_that_is_away_is_asked_once() -> None:
    recorder = Recorder(refuse(ErrorKind.UNAVAILABLE, "away"))
    assert {answer.kind for answer in await asked(recorder, 3)} == {ErrorKind.UNAVAILABLE}
    assert len(recorder.calls) == 1


def test_only_fenced_statements_are_numbered() -> None:
    assert "$4::integer FROM (SELECT split_part" in (numbered(STATEMENT, 2) or "")
    assert numbered("SELECT 1", 0) is None
    assert numbered(f"EXPLAIN {STATEMENT}", 0) is None


@pytest.fixture
async def store(stores: PostgresStores) -> TenantStore:
    tenant = stores.for_tenant(new_tenant())
    await tenant.write([write(patient(f"p{n}", f"Family{n:02}")) for n in range(40)])
    return tenant


async def counted(stores: PostgresStores) -> list[str]:
    seen: list[str] = []

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        seen.append(record.query)

    async with stores.shared.pool.acquire() as connection:
        connection.add_query_logger(note)
    return seen


async def test_reads_at_the_same_time_are_few_statements(stores: PostgresStores, store: TenantStore) -> None:
    seen = await counted(stores)
    keys = [key_of(f"Patient/p{n % 50}") for n in range(100)]
    read = await asyncio.gather(*(store.current(key) for key in keys))
    await asyncio.sleep(0)
    assert [None if version is None else version.key for version in read] == [
        key if n % 50 < 40 else None for n, key in enumerate(keys)
    ]
    assert len(seen) == -(-len(keys) // lookups.MOST)


async def test_a_read_of_an_unknown_type_finds_nothing(store: TenantStore) -> None:
    unknown, known = await asyncio.gather(store.current(key_of("Nothing/p1")), store.current(key_of("Patient/p1")))
    assert unknown is None
    assert known is not None


async def test_searches_of_one_shape_are_few_calls_and_each_finds_its_own(
    stores: PostgresStores, store: TenantStore
) -> None:
    assert await found(store, "Patient?family=family00") == {"p0"}
    seen = await counted(stores)
    answers = await asyncio.gather(*(found(store, f"Patient?family=family{n:02}") for n in range(45)))
    await asyncio.sleep(0)
    assert answers == [{f"p{n}"} if n < 40 else set() for n in range(45)]
    assert len(seen) == -(-45 // volleys.MOST)


async def test_tenants_share_no_call(stores: PostgresStores) -> None:
    first, second = stores.for_tenant(new_tenant()), stores.for_tenant(new_tenant())
    await first.write([write(patient("a", "Keza"))])
    await second.write([write(patient("b", "Keza"))])
    answers = await asyncio.gather(*(found(each, "Patient?family=keza") for each in (first, second) * 8))
    assert answers == [{"a"}, {"b"}] * 8
