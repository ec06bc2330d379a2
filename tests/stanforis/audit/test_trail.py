"""Keeping, finding, sealing and verifying records."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec import structs
from stanforis.audit.acts import administered, disclosed
from stanforis.audit.batches import make_batch
from stanforis.audit.looking import Asked, Place, look_at, look_up
from stanforis.audit.port import AuditStore, AuditStoreError
from stanforis.audit.records import Record, Who, now
from stanforis.audit.sealing import FileWitness, Sealer
from stanforis.audit.terms import Kind
from stanforis.audit.trail import Trail
from stanforis.audit.verifying import Verdict, verify

from tests.stanforis.audit.conftest import KEY


def a_read(patient: str, **further) -> Record:
    record = Record(now(), "read", "R", 200, patients=(patient,), entities=(f"Patient/{patient}",))
    return structs.replace(record, **further)


async def kept(store: AuditStore, tenant: int, *records: Record) -> None:
    trail = Trail(store, KEY)
    await trail.keep(tenant, records)
    await trail.stop()


async def verdict(store: AuditStore, tenant: int, witness=None) -> Verdict:
    return await verify(store, KEY, tenant, witness, lambda _: None)


async def test_a_record_is_found_by_its_patient_the_newest_first(store, tenant):
    for number in range(5):
        await kept(store, tenant, a_read("1", request=str(number)), a_read("2"))
    asked = Asked(((Kind.PATIENT, "1"),), fits=lambda found: "1" in found.record.patients)
    first = await look_up(store, tenant, asked, 3)
    assert first.following is not None
    rest = await look_up(store, tenant, asked, 3, first.following)
    assert [each.record.request for each in (*first.found, *rest.found)] == ["4", "3", "2", "1", "0"]
    assert rest.following is None


async def test_records_of_one_moment_are_paged_by_their_place(store, tenant):
    await kept(store, tenant, *(a_read("1", request=str(number)) for number in range(5)))
    first = await look_up(store, tenant, Asked(), 2)
    rest = await look_up(store, tenant, Asked(), 9, first.following)
    assert [each.record.request for each in (*first.found, *rest.found)] == ["4", "3", "2", "1", "0"]


async def test_a_record_is_read_by_its_place(store, tenant):
    await kept(store, tenant, a_read("1", who=Who("hash", "person")))
    (found,) = (await look_up(store, tenant, Asked(), 9)).found
    place = Place.read(str(found.place))
    assert place == found.place
    assert await look_at(store, tenant, place) == found.record
    assert await look_at(store, tenant, Place(place.batch, 7)) is None


async def test_a_tenant_does_not_find_the_records_of_another(store, tenant):
    await kept(store, tenant, a_read("1"))
    (found,) = (await look_up(store, tenant, Asked(), 9)).found
    assert not (await look_up(store, tenant + 1, Asked(), 9)).found
    assert await look_at(store, tenant + 1, found.place) is None


async def test_a_sound_trail_is_verified(store, tenant, tmp_path: Path):
    witness = FileWitness(tmp_path / "audit" / "seals.json")
    sealer = Sealer(store, KEY, witness)
    for _ in range(3):
        await kept(store, tenant, a_read("1"), a_read("2"))
        assert await sealer.seal(tenant) is not None
    await kept(store, tenant, a_read("1"))
    found = await verdict(store, tenant, witness)
    assert (found.problems, found.seals, found.batches, found.events, found.unsealed) == ([], 3, 4, 7, 1)


async def test_nothing_new_is_not_sealed(store, tenant):
    await kept(store, tenant, a_read("1"))
    sealer = Sealer(store, KEY)
    assert await sealer.seal(tenant) is not None
    assert await sealer.seal(tenant) is None


async def test_a_trail_made_with_another_key_is_not_sound(store, tenant):
    await kept(store, tenant, a_read("1"))
    found = await verify(store, b"another", tenant, None, lambda _: None)
    assert "was changed" in found.problems[0]


class Away:
    """A store that does not answer until it is told to."""

    def __init__(self, store: AuditStore) -> None:
        self.store = store
        self.answers = False

    def __getattr__(self, name):
        return getattr(self.store, name)

    async def add(self, tenant, batch, *, wait):
        if not self.answers:
            raise AuditStoreError("away")
        await self.store.add(tenant, batch, wait=wait)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stanforis.audit.trail.GATHER_SECONDS", 0.0)
    monkeypatch.setattr("stanforis.audit.trail._AGAIN_SECONDS", 0.0)


async def test_nothing_is_lost_while_the_store_is_away(store, tenant, hurried):
    away = Away(store)
    trail = Trail(away, KEY)
    await trail.start()
    await trail.keep(tenant, [a_read("1")])
    await asyncio.sleep(0.01)
    assert not (await look_up(store, tenant, Asked(), 9)).found
    away.answers = True
    await trail.stop()
    assert len((await look_up(store, tenant, Asked(), 9)).found) == 1


async def test_whoever_would_overfill_it_waits(store, tenant, hurried):
    away = Away(store)
    trail = Trail(away, KEY, most_waiting=2)
    await trail.start()
    await trail.keep(tenant, [a_read("1"), a_read("2")])
    third = asyncio.create_task(trail.keep(tenant, [a_read("3")]))
    await asyncio.sleep(0.01)
    assert not third.done()
    away.answers = True
    await asyncio.wait_for(third, 5)
    await trail.stop()
    assert len((await look_up(store, tenant, Asked(), 9)).found) == 3


async def test_a_strict_trail_returns_when_the_record_is_stored(store, tenant):
    trail = Trail(store, KEY, strict=True)
    await trail.start()
    await trail.keep(tenant, [a_read("1")])
    assert len((await look_up(store, tenant, Asked(), 9)).found) == 1
    await trail.stop()


async def test_a_month_that_nobody_made_ahead_is_made_when_it_is_needed(store, tenant):
    half_a_year = 182 * 86_400_000
    for at in (now() + half_a_year, now() - half_a_year):
        await store.add(tenant, make_batch(KEY, tenant, [a_read("1")], at), wait=True)
    assert len(await store.find(tenant, None, 0, (1 << 63) - 1, 9)) == 2


async def test_what_was_handed_out_is_found_by_who_got_it(store, tenant):
    trail = Trail(store, KEY)
    await trail.for_tenant(tenant).store(disclosed("lab", "mllp://10.1.2.3:2575", patients=["1", "1"]))
    await trail.for_tenant(tenant).store(disclosed("archive", "mllp://10.1.2.4:2575", patients=["1"]))
    page = await look_up(store, tenant, Asked([(Kind.RECIPIENT, "lab")]), 10)
    assert [(each.record.recipient, each.record.patients) for each in page.found] == [("lab", ("1",))]


async def test_what_an_administrator_did_is_stored_when_the_call_returns(store, tenant):
    record = administered(
        "tenant-suspend", ["urn:stanforis:tenant:a"], who=Who(client="stanforis-cli"), peer="10.0.0.1"
    )
    await Trail(store, KEY).for_tenant(tenant).store(record)
    (found,) = (await look_up(store, tenant, Asked([(Kind.ENTITY, "urn:stanforis:tenant:a")]), 10)).found
    assert found.record == record


async def test_a_trail_that_is_off_keeps_nothing(store, tenant):
    trail = Trail(store, KEY, keeps=False)
    await trail.for_tenant(tenant).store(Record(1, "read", "R", 200))
    await trail.for_tenant(tenant).keep(Record(1, "read", "R", 200))
    await trail.stop()
    assert not (await look_up(store, tenant, Asked(), 10)).found
