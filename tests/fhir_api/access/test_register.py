"""Consents and labels as a process knows them."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.access.caller import Caller
from fhir_api.access.register import Register
from fhir_api.search.query import EVERYTHING, AllClause, AnyClause, NotClause, ReferenceValue, ValueClause
from fhir_api.store.memory.store import MemoryStore, MemoryStores
from fhir_api.store.port import TenantStore
from identity.access.scopes.permissions import compile_scope
from tests.support.stores import DEFINITIONS, deletion, update, write

DAY = 24 * 3600.0
START = 1_800_000_000.0
CLINICIAN = Caller(1, permissions=compile_scope("user/*.rs"), fhir_user="Practitioner/p")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStores().for_tenant("one")


@pytest.fixture
def register(store: TenantStore, clock: Clock) -> Register:
    return Register(store, DEFINITIONS, clock=clock)


def a_consent(**provision: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": {"reference": "Patient/a"},
        "provision": {"type": "deny", **provision},
    }


async def withholds(register: Register) -> bool:
    consents = (await register.in_force()).consents
    return consents.narrowing(CLINICIAN, "Observation") != EVERYTHING


async def test_is_the_same_as_long_as_nothing_changes(register, store, clock):
    await store.write([write(a_consent())])
    first = await register.in_force()
    for _ in range(3):
        clock.now += 10
        assert await register.in_force() is first
    await store.write([write({"resourceType": "Patient", "id": "a"})])
    clock.now += 10
    assert await register.in_force() is first


async def test_what_others_write_is_seen_within_a_second(register, store, clock):
    assert not await withholds(register)
    await store.write([write(a_consent())])
    clock.now += 1.01
    assert await withholds(register)
    await store.write([deletion("Consent/c")])
    clock.now += 1.01
    assert not await withholds(register)


async def test_what_was_written_here_is_seen_at_once(register, store):
    assert not await withholds(register)
    await store.write([write(a_consent())])
    register.forget()
    assert await withholds(register)
    await store.write([update({**a_consent(), "status": "inactive"})])
    register.forget()
    assert not await withholds(register)


async def test_periods_begin_and_end_without_a_write(register, store, clock):
    await store.write([write(a_consent(period={"start": "2027-01-16", "end": "2027-01-17"}))])
    assert not await withholds(register)
    clock.now = START + DAY * 1.5
    assert await withholds(register)
    clock.now = START + DAY * 4
    assert not await withholds(register)


async def test_labels_are_those_in_use(register, store):
    system = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    labels = [{"system": system, "code": "HIV"}, {"system": "http://example.org", "code": "PSY"}]
    await store.write([write({"resourceType": "Condition", "id": "x", "meta": {"security": labels}})])
    assert (await register.in_force()).labels == {"Condition": frozenset({"HIV"})}


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "draft"},
        {"scope": {"coding": [{"code": "research"}]}},
        {"patient": {"reference": "https://elsewhere.example/Patient/a"}},
        {"patient": {"display": "somebody"}},
        {"provision": {}},
    ],
)
async def test_other_consents_withhold_nothing(register, store, changed):
    await store.write([write({**a_consent(), **changed})])
    assert not await withholds(register)


async def test_patients_who_say_the_same_are_one_set_for_all_types(register, store):
    alike = ({**a_consent(), "id": f"c{n}", "patient": {"reference": f"Patient/p{n}"}} for n in range(40))
    await store.write([write(each) for each in alike])
    consents = (await register.in_force()).consents
    observations, conditions = (consents.narrowing(CLINICIAN, name) for name in ("Observation", "Condition"))
    sets = {id(each.candidates) for clause in (observations, conditions) for each in _references(clause)}
    assert len(sets) == 1


def _references(clause: Any) -> list[ReferenceValue]:
    match clause:
        case NotClause(inner):
            return _references(inner)
        case AnyClause(clauses) | AllClause(clauses):
            return [each for one in clauses for each in _references(one)]
        case ValueClause(_, _, values):
            return [each for each in values if isinstance(each, ReferenceValue)]
        case _:
            return []
