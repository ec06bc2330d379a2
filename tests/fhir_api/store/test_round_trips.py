"""How often an interaction asks the database: counted, since each round trip costs more than what it asks for."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from fhir_api.model.keys import ResourceKey
from fhir_api.store.port import Criteria, Expect, HistoryQuery, TenantStore
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import query, update, write
from tests.support.tenants import new_tenant

KEY = ResourceKey("Patient", "p")


def patient(logical_id: str = "p", **members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": logical_id, "name": [{"family": "Uwase"}], **members}


def observation(logical_id: str) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": logical_id, "status": "final", "code": {"text": "x"},
            "subject": {"reference": "Patient/p"}}  # fmt: skip


class Statements:
    """The statements a connection was given, but for the question what one may cost, asked once in a process."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, record: asyncpg.connection.LoggedQuery) -> None:
        if not record.query.startswith("EXPLAIN"):
            self.texts.append(record.query)

    async def number(self) -> int:
        """How many there were; the driver tells of a statement in the loop's next turn."""
        await asyncio.sleep(0)
        return len(self.texts)


@pytest.fixture
async def store(stores: PostgresStores) -> TenantStore:
    tenant = stores.for_tenant(new_tenant())
    await tenant.write([write(patient()), *(write(observation(f"o{n}")) for n in range(30))])
    return tenant


@pytest.fixture
async def statements(stores: PostgresStores, store: TenantStore) -> Statements:
    """What is asked from now on; numbers for new resources are in hand already."""
    seen = Statements()
    async with stores.shared.pool.acquire() as connection:
        connection.add_query_logger(seen)
    return seen


async def test_a_read_is_one_statement(store: TenantStore, statements: Statements) -> None:
    await store.current(KEY)
    await store.version(KEY, 1)
    await store.history(HistoryQuery("Patient", "p", 10))
    assert await statements.number() == 3


@pytest.mark.parametrize(
    "url",
    [
        "Observation?subject=Patient/p",
        "Patient?birthdate:missing=true",
    ],
)
async def test_a_search_is_one_statement(store: TenantStore, statements: Statements, url: str) -> None:
    assert (await store.search(query(url))).matches
    assert await statements.number() == 1


@pytest.mark.parametrize(
    ("first", "again", "number"),
    [
        # the page alone tells where chains lead into contained resources
        (
            "Observation?subject:Patient.family=uwase&_sort=-date",
            "Observation?subject:Patient.family=uwas&_sort=-date",
            1,
        ),
        # how many there are; the page
        ("Patient?_has:Observation:subject:code=c", "Patient?_has:Observation:subject:status=final", 2),
        ("Observation?subject:Patient.family=uwa", "Observation?subject:Patient.family=uwase", 2),
        # how many there are is remembered
        ("Patient?_has:Observation:subject:status=final", "Patient?_has:Observation:subject:status=final", 1),
        ("Observation?subject:Patient.family=uwase", "Observation?subject:Patient.family=uwase", 1),
    ],
)
async def test_a_search_along_references_looks_before_it_goes(
    store: TenantStore, statements: Statements, first: str, again: str, number: int
) -> None:
    await store.search(query(first))  # the driver asks once for each type of argument it meets
    await statements.number()
    statements.texts.clear()
    assert (await store.search(query(again))).matches
    assert await statements.number() == number


async def test_each_include_and_a_total_are_one_more(store: TenantStore, statements: Statements) -> None:
    wanted = query("Observation?status=final&_include=Observation:subject&_total=accurate")
    await store.search(wanted)  # the driver asks once for each type of argument it meets
    await statements.number()
    statements.texts.clear()
    page = await store.search(wanted)
    assert (len(page.matches), len(page.included), page.total) == (20, 1, 30)
    assert await statements.number() == 3


async def test_creates_are_one_statement_however_many(store: TenantStore, statements: Statements) -> None:
    await store.write([write(patient("q"), expected=Expect.ABSENT)])
    await store.write([write(patient(f"q{n}"), expected=Expect.ABSENT) for n in range(50)])
    assert await statements.number() == 2


async def test_updates_look_and_write(store: TenantStore, statements: Statements) -> None:
    await store.write([update(patient(gender="female"))])
    assert await statements.number() == 2


async def test_an_update_that_changes_nothing_only_looks(store: TenantStore, statements: Statements) -> None:
    await store.write([update(patient(), skip_unchanged=True)])
    assert await statements.number() == 1


async def test_a_transaction_adds_its_begin_lock_and_commit(store: TenantStore, statements: Statements) -> None:
    async with store.transaction(["Patient?identifier=1"]) as transaction:
        await transaction.matching_keys("Patient", query("Patient?identifier=1").clauses, 2)
        await transaction.write([write(patient("r"))])
    assert await statements.number() == 6


async def test_identifiers_are_looked_up_together(store: TenantStore, statements: Statements) -> None:
    asked = [query(f"Patient?identifier=urn:a|{number}") for number in range(50)]
    criteria = [Criteria("Patient", each.clauses) for each in asked]
    await store.matching_keys_of(criteria, 2)
    # the driver asks once for each connection what arrays are
    await statements.number()
    statements.texts.clear()
    await store.matching_keys_of(criteria, 2)
    assert await statements.number() == 1
