"""Single writes of different requests share a call, and nothing else: neither refusals nor waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.versions import StoredVersion
from fhir_api.store.collisions import CollisionError
from fhir_api.store.port import Expect, TenantStore, Write
from fhir_api.store.postgres import gathering
from fhir_api.store.postgres.gathering import Gathering, Outcome
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import deletion, found, key_of, update, write
from tests.support.tenants import new_tenant


def patient(logical_id: str, family: str = "Uwase") -> dict[str, Any]:
    return {"resourceType": "Patient", "id": logical_id, "name": [{"family": family}]}


def version_of(change: Write) -> StoredVersion:
    return StoredVersion(change.key, 1, 0, change.change, change.body)


class Recorder:
    """Stands in for the database: notes what it is asked for, and fails as it is told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.calls: list[list[str]] = []
        self.alone: list[str] = []
        self.failure = failure
        self.proceed = asyncio.Event()
        self.proceed.set()

    async def write_together(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        self.calls.append([change.key.logical_id for change in writes])
        await self.proceed.wait()
        if self.failure is not None:
            raise self.failure
        return [version_of(change) for change in writes]

    async def write_alone(self, change: Write) -> StoredVersion:
        self.alone.append(change.key.logical_id)
        return version_of(change)

    def gathering(self) -> Gathering:
        return Gathering(self.write_together, self.write_alone)


async def turns() -> None:
    """Let every task go on as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_comes_while_a_call_is_under_way_shares_the_next() -> None:
    recorder = Recorder()
    recorder.proceed.clear()
    gathered = recorder.gathering()
    first = asyncio.create_task(gathered.write(update(patient("a"))))
    await turns()
    others = [asyncio.create_task(gathered.write(update(patient(name)))) for name in "bcd"]
    await turns()
    assert recorder.calls == [["a"]]
    recorder.proceed.set()
    await asyncio.gather(first, *others)
    assert recorder.calls == [["a"], ["b", "c", "d"]]


async def test_two_writes_to_one_resource_do_not_share_a_call() -> None:
    recorder = Recorder()
    gathered = recorder.gathering()
    await asyncio.gather(*(gathered.write(update(patient(name))) for name in "aba"))
    assert recorder.calls == [["a", "b"], ["a"]]


@pytest.mark.parametrize(("limit", "value"), [("MOST", 2), ("MOST_BYTES", 2 * len(update(patient("a")).body))])
async def test_a_call_has_its_limits(monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(gathering, limit, value)
    recorder = Recorder()
    gathered = recorder.gathering()
    await asyncio.gather(*(gathered.write(update(patient(name))) for name in "abcde"))
    assert recorder.calls == [["a", "b"], ["c", "d"], ["e"]]


async def test_nobody_waits_long_for_a_call_that_is_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "PATIENCE", 0)
    recorder = Recorder()
    recorder.proceed.clear()
    gathered = recorder.gathering()
    tasks = []
    for name in "ab":
        tasks.append(asyncio.create_task(gathered.write(update(patient(name)))))
        await asyncio.sleep(0.01)
    assert recorder.calls == [["a"], ["b"]]
    recorder.proceed.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("failure", [CollisionError(), refuse(ErrorKind.TOO_COSTLY, "too long")])
async def test_what_failed_together_and_left_no_trace_is_done_one_by_one(failure: Exception) -> None:
    recorder = Recorder(failure)
    gathered = recorder.gathering()
    await asyncio.gather(*(gathered.write(update(patient(name))) for name in "ab"))
    assert recorder.alone == ["a", "b"]


async def test_what_may_have_happened_is_not_done_again() -> None:
    recorder = Recorder(refuse(ErrorKind.UNAVAILABLE, "gone"))
    gathered = recorder.gathering()
    results = await asyncio.gather(*(gathered.write(update(patient(name))) for name in "ab"), return_exceptions=True)
    assert [result.kind for result in results if isinstance(result, FhirError)] == [ErrorKind.UNAVAILABLE] * 2
    assert recorder.alone == []


async def test_a_write_whose_caller_went_away_before_it_began_is_left_out() -> None:
    recorder = Recorder()
    recorder.proceed.clear()
    gathered = recorder.gathering()
    first = asyncio.create_task(gathered.write(update(patient("a"))))
    await turns()
    gone, last = (asyncio.create_task(gathered.write(update(patient(name)))) for name in "bc")
    await turns()
    gone.cancel()
    recorder.proceed.set()
    await asyncio.gather(first, last)
    assert recorder.calls == [["a"], ["c"]]


@pytest.fixture
def store(stores: PostgresStores) -> TenantStore:
    return stores.for_tenant(new_tenant())


async def test_writes_at_the_same_time_need_fewer_statements_than_they_are(
    stores: PostgresStores, store: TenantStore
) -> None:
    await store.write([write(patient("first"))])
    seen: list[asyncpg.connection.LoggedQuery] = []
    async with stores.shared.pool.acquire() as connection:
        connection.add_query_logger(seen.append)
    await asyncio.gather(*(store.write([write(patient(f"p{n}"), expected=Expect.ABSENT)]) for n in range(20)))
    await asyncio.sleep(0)
    assert len(seen) < 4
    assert len(await found(store, "Patient?family=uwase&_count=50")) == 21


async def test_a_refused_write_leaves_the_others_alone(store: TenantStore) -> None:
    await store.write([write(patient("a"))])
    results = await asyncio.gather(
        store.write([update(patient("a"), expected=7)]),
        store.write([deletion("Patient/unknown")]),
        store.write([update(patient("b", "Keza"))]),
        return_exceptions=True,
    )
    assert [result.kind for result in results if isinstance(result, FhirError)] == [
        ErrorKind.PRECONDITION_FAILED,
        ErrorKind.NOT_FOUND,
    ]
    assert await found(store, "Patient?family=keza") == {"b"}


async def test_a_key_that_is_taken_is_refused_and_the_others_are_stored(store: TenantStore) -> None:
    await store.write([write(patient("a"))])
    results = await asyncio.gather(
        store.write([write(patient("a", "Keza"), expected=Expect.ABSENT)]),
        store.write([write(patient("b", "Keza"), expected=Expect.ABSENT)]),
        return_exceptions=True,
    )
    assert [result.kind for result in results if isinstance(result, FhirError)] == [ErrorKind.CONFLICT]
    assert await found(store, "Patient?family=keza") == {"b"}


async def test_updates_of_one_resource_at_the_same_time_all_become_versions(store: TenantStore) -> None:
    await store.write([write(patient("a"))])
    versions = await asyncio.gather(*(store.write([update(patient("a", f"F{n}"))]) for n in range(8)))
    assert sorted(version.version_id for (version,) in versions) == list(range(2, 10))
    current = await store.current(key_of("Patient/a"))
    assert current is not None
    assert current.version_id == 9


async def test_what_updates_remove_is_not_found_any_more(store: TenantStore) -> None:
    await asyncio.gather(*(store.write([write(patient(f"p{n}", "Alpha"))]) for n in range(9)))
    await asyncio.gather(*(store.write([update(patient(f"p{n}", "Beta"))]) for n in range(8)))
    assert await found(store, "Patient?family=alpha") == {"p8"}
    assert len(await found(store, "Patient?family=beta")) == 8
