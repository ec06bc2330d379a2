"""Several processes on one database: none writes past a parameter, and any goes on with what another began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import asyncpg
import pytest
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.search.parse import parse_query
from fhir_api.search.tenant import OwnDefinitions, TenantSearchDefinitions
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres import batches, migrations
from fhir_api.store.postgres.store import PostgresStores
from tests.support.databases import signed, stores_on
from tests.support.stores import DEFINITIONS, Tree, deletion, update, write
from tests.support.tenants import new_tenant

INDEX_TABLES = ("token", "token_code", "reference", "date", "string", "quantity", "composite")


@pytest.fixture
async def processes(postgres: ConnectionInfo) -> AsyncIterator[list[PostgresStores]]:
    """Three applications' stores: each with its own connections, and its own idea of what is defined."""
    migrations.upgrade(postgres.owner_dsn)
    opened = [await stores_on(postgres, 4) for _ in range(3)]
    yield opened
    for each in opened:
        await each.close()


@pytest.fixture
def stores(processes: list[PostgresStores]) -> list[TenantStore]:
    """One new tenant, as each process sees it."""
    tenant = new_tenant()
    return [each.for_tenant(tenant) for each in processes]


def search_parameter(code: str = "nickname", **elements: Any) -> Tree:
    return {
        "resourceType": "SearchParameter",
        "id": code,
        "url": f"http://example.org/{code}",
        "name": "Nickname",
        "status": "active",
        "description": "For tests.",
        "code": code,
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.name.where(use = 'nickname').given",
    } | elements


def patient(logical_id: str, nickname: str) -> Tree:
    return {"resourceType": "Patient", "id": logical_id, "name": [{"use": "nickname", "given": [nickname]}]}


async def settled(store: TenantStore) -> None:
    while (pause := await store.look_after(1)) is not None:  # noqa: ASYNC110 - others work on it, too
        await asyncio.sleep(min(pause, 0.01))


async def found(store: TenantStore, nickname: str) -> set[str]:
    live = [each.own for each in (await store.own_parameters()).parameters if each.is_live]
    definitions = TenantSearchDefinitions(DEFINITIONS, OwnDefinitions(DEFINITIONS, live))
    pairs = parse_qsl(f"nickname:exact={nickname}&_count=10000")
    query = parse_query(definitions, ("Patient",), pairs, max_count=10_000)
    page = await store.search(query.query)
    assert page.next_cursor is None
    return {version.key.logical_id for version in page.matches}


async def test_a_process_that_knows_nothing_yet_writes_no_resource_without_the_rows(stores: list[TenantStore]) -> None:
    one, other, _ = stores
    await other.write([write(patient("early", "Kiki"))])
    await one.write([write(search_parameter())])
    await settled(one)
    # the other process has not been told: its writes, of each kind, are looked at again by the database
    await other.write([write(patient("single", "Kiki"))])
    await other.write([write(patient("a", "Kiki")), write(patient("b", "Kiki"))])
    async with other.transaction(["lock"]) as transaction:
        await transaction.write([write(patient("inside", "Kiki"))])
    assert await found(one, "Kiki") == {"early", "single", "a", "b", "inside"}


async def test_what_a_package_stores_in_a_transaction_becomes_live(stores: list[TenantStore]) -> None:
    one, other, _ = stores
    await one.write([write(patient("early", "Kiki"))])
    async with other.transaction(["packages"]) as transaction:
        await transaction.write([write(search_parameter())])
        assert await one.look_after(1) is None
    await settled(one)
    assert await found(one, "Kiki") == {"early"}


async def test_a_transaction_that_began_before_collides_or_is_indexed(stores: list[TenantStore]) -> None:
    one, other, _ = stores
    await one.write([write(search_parameter())])
    async with other.transaction() as transaction:
        # it wrote before the parameter was registered, and is not committed yet
        await transaction.write([write(patient("slow", "Kiki"))])
        for _ in range(5):
            await one.look_after(1)
        (parameter,) = (await one.own_parameters()).parameters
        assert parameter.state == "building"
    await settled(one)
    assert await found(one, "Kiki") == {"slow"}


async def test_writers_of_two_processes_while_a_third_builds(stores: list[TenantStore]) -> None:
    builder, *writers = stores
    expected: dict[str, str] = {}
    for start in range(0, 400, 100):
        await builder.write([write(patient(f"p{number}", "Old")) for number in range(start, start + 100)])
    expected |= {f"p{number}": "Old" for number in range(400)}
    ended = asyncio.Event()

    async def write_on(store: TenantStore, first: int) -> None:
        for number in range(first, 400, 2):
            name = f"p{number}"
            match number % 5:
                case 0:
                    await store.write([deletion(f"Patient/{name}")])
                    expected.pop(name)
                case 1:
                    await store.write([update(patient(name, "Old") | {"active": True})])
                case _:
                    await store.write([update(patient(name, "New"))])
                    expected[name] = "New"
            await store.write([write(patient(f"n{number}", "New"))])
            expected[f"n{number}"] = "New"

    async def build() -> None:
        while not ended.is_set() or await builder.look_after(1) is not None:
            await builder.look_after(1)
            await asyncio.sleep(0)

    await builder.write([write(search_parameter())])
    building = asyncio.create_task(build())
    await asyncio.gather(*(write_on(store, first) for first, store in enumerate(writers)))
    ended.set()
    await building
    for nickname in ("Old", "New"):
        assert await found(builder, nickname) == {name for name, value in expected.items() if value == nickname}


async def test_one_process_goes_on_where_another_ended(
    stores: list[TenantStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, _ = stores
    for start in range(0, 300, 100):
        await one.write([write(patient(f"p{number}", "Kiki")) for number in range(start, start + 100)])
    await one.write([write(search_parameter())])
    while not any(job.done for job in (await one.own_parameters()).jobs):
        await one.look_after(1)
    (before,) = (await one.own_parameters()).jobs

    async def fail(*_: Any) -> None:
        raise ConnectionError("the process is gone")

    with monkeypatch.context() as patching:
        patching.setattr(batches, "_locked", fail)
        with pytest.raises(Exception, match="does not answer"):
            await one.look_after(1)
    assert (await other.own_parameters()).jobs == (before,)
    await settled(other)
    (job,) = await other.reindex_jobs()
    assert (job.done, job.total) == (300, 300)
    assert len(await found(other, "Kiki")) == 300


async def test_all_processes_at_once_do_the_work_once(stores: list[TenantStore]) -> None:
    for start in range(0, 300, 100):
        await stores[0].write([write(patient(f"p{number}", "Kiki")) for number in range(start, start + 100)])
    await stores[0].write([write(search_parameter())])
    await asyncio.gather(*map(settled, stores))
    (job,) = await stores[0].reindex_jobs()
    assert (job.done, job.total, job.state) == (300, 300, "done")


async def test_rows_of_a_removed_parameter_go(stores: list[TenantStore], postgres: ConnectionInfo) -> None:
    one = stores[0]
    kinds: dict[str, Tree] = {
        "nickname": {},
        "sex": {"type": "token", "expression": "Patient.gender | Patient.maritalStatus"},
        "born": {"type": "date", "expression": "Patient.birthDate"},
        "doctor": {"type": "reference", "target": ["Practitioner"], "expression": "Patient.generalPractitioner"},
    }
    plain = await _rows(postgres, one)
    await one.write([write(search_parameter(code, **elements)) for code, elements in kinds.items()])
    await settled(one)
    with_parameters = await _rows(postgres, one)
    extra = {"gender": "female", "birthDate": "1990", "generalPractitioner": [{"reference": "Practitioner/a"}]}
    await one.write([update(patient("a", "Kiki") | extra | {"maritalStatus": {"text": "Living apart"}})])
    assert await _rows(postgres, one) > with_parameters > plain
    for code in kinds:
        await one.write([deletion(f"SearchParameter/{code}")])
    await settled(one)
    await one.write([deletion("Patient/a")])
    left = await _rows(postgres, one, but=("token_code",))
    assert left == 0
    assert (await one.own_parameters()).parameters == ()


async def _rows(postgres: ConnectionInfo, store: Any, but: tuple[str, ...] = ()) -> int:
    connection = await asyncpg.connect(postgres.app_dsn)
    try:
        context = await signed(postgres, connection, store._tenant_id)
        await connection.execute("SELECT set_config('stanforis.tenant', $1, false)", context)
        counts = [
            await connection.fetchval(f"SELECT count(*) FROM fhir.{table}")
            for table in INDEX_TABLES
            if table not in but
        ]
    finally:
        await connection.close()
    return sum(counts)
