"""Chains, ``_has``, compartments, ``_include`` and ``_revinclude``.

Spec: https://hl7.org/fhir/R4/search.html#chaining
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_api.search.compartments import compartment_clause
from fhir_api.store.port import TenantStore
from tests.support.stores import DEFINITIONS, deletion, found, query, write

TREES: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "top", "name": "Ministry"},
    {"resourceType": "Organization", "id": "mid", "name": "District", "partOf": {"reference": "Organization/top"}},
    {"resourceType": "Organization", "id": "low", "name": "Clinic", "partOf": {"reference": "Organization/mid"}},
    {"resourceType": "Practitioner", "id": "joe", "name": [{"family": "Joe"}]},
    {"resourceType": "Patient", "id": "a", "name": [{"family": "Peter"}], "gender": "male",
     "generalPractitioner": [{"reference": "Practitioner/joe"}, {"reference": "Organization/low"}],
     "managingOrganization": {"reference": "Organization/low"}},
    {"resourceType": "Patient", "id": "b", "name": [{"family": "Paul"}],
     "generalPractitioner": [{"reference": "Practitioner/gone"}],
     "link": [{"other": {"reference": "Patient/a"}, "type": "seealso"}]},
    {"resourceType": "Patient", "id": "c", "gender": "female"},
    {"resourceType": "Group", "id": "a", "type": "person", "actual": True,
     "identifier": [{"value": "Peter"}], "member": [{"entity": {"reference": "Patient/b"}}]},
    {"resourceType": "Observation", "id": "oa", "status": "final", "code": {"coding": [{"code": "1"}]},
     "subject": {"reference": "Patient/a"}, "performer": [{"reference": "Practitioner/joe"}]},
    {"resourceType": "Observation", "id": "oa2", "status": "final", "code": {"coding": [{"code": "2"}]},
     "subject": {"reference": "Patient/a"}, "hasMember": [{"reference": "Observation/oa"}]},
    {"resourceType": "Observation", "id": "ob", "status": "final", "code": {"coding": [{"code": "1"}]},
     "subject": {"reference": "Patient/b"}, "performer": [{"reference": "Patient/a"}]},
    {"resourceType": "Observation", "id": "og", "status": "final", "code": {"coding": [{"code": "3"}]},
     "subject": {"reference": "Group/a"}},
    {"resourceType": "Provenance", "id": "v", "recorded": "2020-01-01T00:00:00Z",
     "target": [{"reference": "Observation/ob"}], "agent": [{"who": {"reference": "Practitioner/joe"}}]},
]  # fmt: skip


@pytest.fixture
async def filled(store: TenantStore) -> TenantStore:
    """The resources above, and a practitioner who is deleted."""
    await store.write(
        [*map(write, TREES), write({"resourceType": "Practitioner", "id": "gone", "name": [{"family": "Joe"}]})]
    )
    await store.write([deletion("Practitioner/gone")])
    return store


@pytest.mark.parametrize(
    ("url", "ids"),
    {
        "Observation?subject:Patient.name=peter": "oa oa2",
        "Observation?patient.name=peter": "oa oa2",
        "Observation?patient.name=peter,paul": "oa oa2 ob",
        "Observation?patient.name=peter&patient.gender=female": "",
        "Observation?subject.identifier=Peter": "og",
        "Observation?patient.gender:not=male": "ob",
        "Observation?patient.gender:missing=true": "ob",
        "Observation?patient._id=b": "ob",
        "Observation?patient.general-practitioner:Practitioner.name=joe": "oa oa2",
        "Observation?patient.general-practitioner.name=clinic": "oa oa2",
        "Observation?patient.organization.partof.partof.name=ministry": "oa oa2",
        "Observation?patient.organization.partof.name=ministry": "",
        "Patient?general-practitioner.name=joe": "a",
        "Patient?_has:Observation:patient:code=1": "a b",
        "Patient?_has:Observation:patient:code=1,2": "a b",
        "Patient?_has:Observation:patient:code=1&_has:Observation:patient:code=2": "a",
        "Patient?_has:Observation:subject:code=3": "",
        "Group?_has:Observation:subject:code=3": "a",
        "Patient?_has:Observation:patient:performer:Practitioner.name=joe": "a",
        "Patient?_has:Observation:patient:_has:Provenance:target:agent=Practitioner/joe": "b",
        "Patient?_has:Group:member:_id=a": "b",
        "Observation?patient._has:Group:member:_id=a": "ob",
        "Practitioner?_has:Patient:general-practitioner:gender=male": "joe",
    }.items(),
)
async def test_chains(filled: TenantStore, url: str, ids: str) -> None:
    assert await found(filled, url) == set(ids.split())


async def test_a_deleted_source_has_nothing_any_more(filled: TenantStore) -> None:
    await filled.write([deletion("Observation/oa2")])
    assert await found(filled, "Patient?_has:Observation:patient:code=2") == set()


@pytest.mark.parametrize(
    ("compartment", "resource_type", "ids"),
    [
        ("Patient/a", "Observation", "oa oa2 ob"),
        ("Patient/b", "Observation", "ob"),
        ("Patient/b", "Group", "a"),
        ("Practitioner/joe", "Observation", "oa"),
        ("Patient/a", "Organization", ""),
        ("Patient/a", "Patient", "b"),
        ("Practitioner/joe", "Practitioner", "joe"),
    ],
)
async def test_compartments(filled: TenantStore, compartment: str, resource_type: str, ids: str) -> None:
    centre, _, logical_id = compartment.partition("/")
    clause = compartment_clause(DEFINITIONS, centre, logical_id, (resource_type,))
    page = await filled.search(replace(query(f"{resource_type}?"), clauses=(clause,)))
    assert {version.key.logical_id for version in page.matches} == set(ids.split())


@pytest.mark.parametrize(
    ("url", "matches", "included"),
    [
        ("Observation?code=1&_include=Observation:subject", "oa ob", "Patient/a Patient/b"),
        ("Observation?code=1&_include=Observation:patient", "oa ob", "Patient/a Patient/b"),
        ("Observation?_include=Observation:subject:Group", "oa oa2 ob og", "Group/a"),
        ("Observation?code=1&_include=Observation:performer:Practitioner", "oa ob", "Practitioner/joe"),
        ("Observation?code=2&_include=Observation:*", "oa2", "Patient/a Observation/oa"),
        ("Observation?code=2&_include=*", "oa2", "Patient/a Observation/oa"),
        ("Observation?_include=Observation:has-member", "oa oa2 ob og", ""),
        ("Patient?_id=b&_include=Patient:general-practitioner", "b", ""),
        (
            "Observation?code=1&_include=Observation:subject&_include=Patient:general-practitioner",
            "oa ob",
            "Patient/a Patient/b",
        ),
        (
            "Observation?code=1&_include=Observation:subject&_include:iterate=Patient:general-practitioner",
            "oa ob",
            "Patient/a Patient/b Practitioner/joe Organization/low",
        ),
        (
            "Patient?_id=a&_include=Patient:organization&_include:iterate=Organization:partof",
            "a",
            "Organization/low Organization/mid Organization/top",
        ),
        ("Organization?_id=low&_include:iterate=Organization:partof", "low", "Organization/mid Organization/top"),
        ("Patient?_id=a&_revinclude=Observation:subject", "a", "Observation/oa Observation/oa2"),
        ("Patient?_id=a&_revinclude=Observation:performer:Patient", "a", "Observation/ob"),
        ("Patient?_id=a&_revinclude=Observation:performer:Practitioner", "a", ""),
        (
            "Patient?_id=b&_revinclude=Observation:patient&_revinclude:iterate=Provenance:target",
            "b",
            "Observation/ob Provenance/v",
        ),
        (
            "Patient?_id=b&_revinclude=Observation:patient&_include:iterate=Observation:performer",
            "b",
            "Observation/ob Patient/a",
        ),
        ("Organization?_id=top&_revinclude:iterate=Organization:partof", "top", "Organization/mid Organization/low"),
    ],
)
async def test_includes(filled: TenantStore, url: str, matches: str, included: str) -> None:
    page = await filled.search(query(url))
    assert {version.key.logical_id for version in page.matches} == set(matches.split())
    names = [str(version.key) for version in page.included]
    assert sorted(names) == sorted(included.split())


async def test_includes_belong_to_the_page(filled: TenantStore) -> None:
    first = await filled.search(query("Observation?code=1&_include=Observation:subject&_count=1&_sort=_id"))
    assert [str(version.key) for version in first.included] == ["Patient/a"]
    second = await filled.search(
        replace(query("Observation?code=1&_include=Observation:subject&_count=1&_sort=_id"), cursor=first.next_cursor)
    )
    assert [str(version.key) for version in second.included] == ["Patient/b"]


@pytest.mark.parametrize("url", ["Observation?subject:Patient._id=p", "Observation?subject:Patient.family=uwase"])
async def test_a_chain_does_not_pass_through_what_is_deleted(store: TenantStore, url: str) -> None:
    await store.write([
        write({"resourceType": "Patient", "id": "p", "name": [{"family": "Uwase"}]}),
        write({"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p"}}),
    ])  # fmt: skip
    assert await found(store, url) == {"o"}
    await store.write([deletion("Patient/p")])
    assert await found(store, url) == set()
