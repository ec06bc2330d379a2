"""Transactions: atomicity, what others see, named locks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.store.port import TenantStore, Write
from tests.support.stores import as_read, clauses, deletion, found, key_of, update, write

PATIENT = {"resourceType": "Patient", "id": "p", "identifier": [{"system": "http://s", "value": "1"}]}
KEY = key_of("Patient/p")


async def test_a_transaction_takes_effect_as_a_whole(store: TenantStore) -> None:
    async with store.transaction() as transaction:
        await transaction.write([write(PATIENT)])
        await transaction.write([write({"resourceType": "Group", "id": "g"})])
    assert await store.current(KEY) is not None
    assert await store.current(key_of("Group/g")) is not None


async def in_transaction(store: TenantStore, *steps: Sequence[Write], then: Exception | None = None) -> None:
    """Carry out one write after another in one transaction, which may end with an exception."""
    async with store.transaction() as transaction:
        for writes in steps:
            await transaction.write(writes)
        if then is not None:
            raise then


async def test_an_exception_undoes_everything(store: TenantStore) -> None:
    await store.write([write({"resourceType": "Group", "id": "g"})])
    with pytest.raises(RuntimeError, match="no"):
        await in_transaction(store, [write(PATIENT), deletion("Group/g")], then=RuntimeError("no"))
    assert await store.current(KEY) is None
    assert await found(store, "Group?") == {"g"}


async def test_a_transaction_sees_its_own_writes_and_others_do_not(store: TenantStore) -> None:
    async with store.transaction() as transaction:
        (stored,) = await transaction.write([write(PATIENT)])
        assert await transaction.current(KEY) == as_read(stored)
        assert await found(transaction, "Patient?identifier=http://s|1") == {"p"}
        assert await transaction.matching_keys("Patient", clauses("Patient?identifier=1"), 2) == [KEY]
        assert await store.current(KEY) is None
        assert await found(store, "Patient?identifier=http://s|1") == set()
    assert await found(store, "Patient?identifier=http://s|1") == {"p"}


async def test_a_resource_may_be_written_twice_in_one_transaction(store: TenantStore) -> None:
    async with store.transaction() as transaction:
        await transaction.write([write(PATIENT)])
        (second,) = await transaction.write([update({**PATIENT, "active": True}, expected=1)])
    assert second.version_id == 2
    assert await store.current(KEY) == second


async def test_a_refused_write_refuses_the_transaction(store: TenantStore) -> None:
    with pytest.raises(FhirError) as refusal:
        await in_transaction(store, [write({"resourceType": "Group", "id": "g"})], [update(PATIENT, expected=4)])
    assert refusal.value.kind is ErrorKind.PRECONDITION_FAILED
    assert await store.current(key_of("Group/g")) is None


async def test_one_of_many_concurrent_conditional_creates_wins(store: TenantStore) -> None:
    criteria = "Patient?identifier=http://s|1"

    async def create(number: int) -> bool:
        async with store.transaction([criteria]) as transaction:
            if await transaction.matching_keys("Patient", clauses(criteria), 2):
                return False
            await asyncio.sleep(0)
            await transaction.write([write({**PATIENT, "id": f"p{number}"})])
            return True

    outcomes = await asyncio.gather(*map(create, range(32)))
    assert outcomes.count(True) == 1
    assert len(await found(store, criteria)) == 1


async def test_locks_named_in_another_order_do_not_block_each_other_for_ever(store: TenantStore) -> None:
    async def take(*names: str) -> None:
        async with store.transaction(names) as transaction:
            await transaction.current(KEY)
            await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await asyncio.gather(*(take("a", "b") if number % 2 else take("b", "a") for number in range(16)))


async def test_concurrent_updates_of_one_version_let_one_through(store: TenantStore) -> None:
    await store.write([write(PATIENT)])

    changes = (store.write([update({**PATIENT, "gender": f"g{number}"}, expected=1)]) for number in range(16))
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, FhirError)]
    assert len(refusals) == 15
    assert {refusal.kind for refusal in refusals} <= {ErrorKind.PRECONDITION_FAILED, ErrorKind.CONFLICT}


async def test_concurrent_updates_without_expectation_all_count(store: TenantStore) -> None:
    await store.write([write(PATIENT)])
    await asyncio.gather(*(store.write([update({**PATIENT, "gender": f"g{number}"})]) for number in range(8)))
    current = await store.current(KEY)
    assert current is not None
    assert current.version_id == 9
