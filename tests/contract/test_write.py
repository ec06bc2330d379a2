"""Writing: versions, expectations, deletion, atomicity."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.model.versions import Change
from fhir_api.store.port import Expect, TenantStore
from tests.support.stores import as_read, deletion, key_of, tree_of, update, write

PATIENT = {"resourceType": "Patient", "id": "p", "active": True}
CHANGED = {"resourceType": "Patient", "id": "p", "active": False}
KEY = key_of("Patient/p")


async def test_a_created_resource_is_read_back_as_version_1(store: TenantStore) -> None:
    (stored,) = await store.write([write(PATIENT)])
    assert (stored.key, stored.version_id, stored.change, stored.is_new) == (KEY, 1, Change.CREATE, True)
    assert await store.current(KEY) == as_read(stored)
    assert tree_of(stored) == PATIENT


async def test_what_was_never_stored_is_not_there(store: TenantStore) -> None:
    assert await store.current(KEY) is None
    assert await store.version(KEY, 1) is None
    assert await store.currents([KEY]) == {}


async def test_an_update_adds_a_version_and_keeps_the_old_one(store: TenantStore) -> None:
    (first,) = await store.write([write(PATIENT)])
    (second,) = await store.write([update(CHANGED, expected=1)])
    assert (second.version_id, second.is_new) == (2, False)
    assert second.last_updated >= first.last_updated
    assert await store.current(KEY) == second
    assert await store.version(KEY, 1) == as_read(first)
    assert await store.version(KEY, 2) == second
    assert await store.version(KEY, 3) is None
    assert await store.version(KEY, 0) is None


async def test_currents_leaves_out_what_was_never_stored(store: TenantStore) -> None:
    (stored,) = await store.write([write(PATIENT)])
    assert await store.currents([KEY, key_of("Patient/other"), key_of("Group/p")]) == {KEY: as_read(stored)}


@pytest.mark.parametrize("expected", [2, 7])
async def test_a_version_that_is_not_current_fails_the_precondition(store: TenantStore, expected: int) -> None:
    await store.write([write(PATIENT)])
    with pytest.raises(FhirError) as refusal:
        await store.write([update(CHANGED, expected=expected)])
    assert refusal.value.kind is ErrorKind.PRECONDITION_FAILED
    current = await store.current(KEY)
    assert current is not None
    assert current.version_id == 1


async def test_an_expected_version_of_nothing_fails_the_precondition(store: TenantStore) -> None:
    with pytest.raises(FhirError) as refusal:
        await store.write([update(PATIENT, expected=1)])
    assert refusal.value.kind is ErrorKind.PRECONDITION_FAILED


async def test_absent_conflicts_with_what_is_there_even_deleted(store: TenantStore) -> None:
    await store.write([write(PATIENT, expected=Expect.ABSENT)])
    for _ in range(2):
        with pytest.raises(FhirError) as refusal:
            await store.write([write(PATIENT, expected=Expect.ABSENT)])
        assert refusal.value.kind is ErrorKind.CONFLICT
        await store.write([deletion("Patient/p")])


async def test_unchanged_bytes_are_not_stored_again_when_asked(store: TenantStore) -> None:
    (first,) = await store.write([write(PATIENT)])
    assert await store.write([update(PATIENT, skip_unchanged=True)]) == [replace(as_read(first), unchanged=True)]
    (second,) = await store.write([update(PATIENT)])
    assert second.version_id == 2


async def test_a_deletion_is_a_version_and_the_history_goes_on_after_it(store: TenantStore) -> None:
    await store.write([write(PATIENT)])
    (gone,) = await store.write([deletion("Patient/p", expected=1)])
    assert (gone.version_id, gone.is_deletion, gone.body) == (2, True, b"")
    assert await store.current(KEY) == gone
    (again,) = await store.write([update(PATIENT, skip_unchanged=True)])
    assert (again.version_id, again.change, again.is_new) == (3, Change.UPDATE, True)


async def test_deleting_what_is_deleted_gives_the_deletion_that_is_there(store: TenantStore) -> None:
    await store.write([write(PATIENT)])
    (gone,) = await store.write([deletion("Patient/p")])
    assert await store.write([deletion("Patient/p")]) == [replace(gone, unchanged=True)]


async def test_deleting_what_was_never_stored_is_refused(store: TenantStore) -> None:
    with pytest.raises(FhirError) as refusal:
        await store.write([deletion("Patient/p")])
    assert refusal.value.kind is ErrorKind.NOT_FOUND


async def test_one_refused_write_undoes_all(store: TenantStore) -> None:
    other = {"resourceType": "Group", "id": "g"}
    with pytest.raises(FhirError):
        await store.write([write(PATIENT), write(other, expected=5)])
    assert await store.current(KEY) is None


async def test_versions_come_back_in_the_order_of_the_writes(store: TenantStore) -> None:
    trees = [{"resourceType": "Group", "id": f"g{number}"} for number in (3, 1, 2, 9, 0)]
    stored = await store.write([write(tree) for tree in trees])
    assert [version.key.logical_id for version in stored] == ["g3", "g1", "g2", "g9", "g0"]


async def test_one_id_may_be_used_by_several_types(store: TenantStore) -> None:
    await store.write([write(PATIENT), write({"resourceType": "Group", "id": "p"})])
    await store.write([deletion("Patient/p")])
    group = await store.current(key_of("Group/p"))
    assert group is not None
    assert not group.is_deletion


async def test_decimals_keep_their_digits(store: TenantStore) -> None:
    tree = {"resourceType": "Observation", "id": "o", "status": "final", "valueQuantity": {"value": 72.5}}
    change = write(tree)
    change.body = change.body.replace(b"72.5", b"72.50")
    (stored,) = await store.write([change])
    current = await store.current(key_of("Observation/o"))
    assert current is not None
    assert b"72.50" in current.body
    assert current.body == stored.body
