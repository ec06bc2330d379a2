"""Parameters whose entries other parameters have as well: they find what is theirs, whatever a store keeps once.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_api.search.compartments import compartment_clause
from fhir_api.search.query import Query
from fhir_api.store.port import TenantStore
from tests.support.stores import DEFINITIONS, deletion, found, query, update, write

UNKNOWN = "urn:uuid:7d6f1f0e-7d5c-4b6e-9d6a-111111111111"
WEIGHT = {"value": 70, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
PRESSURE = {"value": 120, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}


def observation(name: str, code: str, **more: Any) -> dict[str, Any]:
    coded = {"coding": [{"system": "http://loinc.org", "code": code}]}
    return {"resourceType": "Observation", "id": name, "status": "final", "code": coded, **more}


def component(code: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": value}


TREES: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "x", "name": [{"family": "Same"}], "gender": "male"},
    {"resourceType": "Patient", "id": "y", "name": [{"family": "Other"}]},
    {"resourceType": "Group", "id": "x", "type": "person", "actual": True},
    observation("weight", "w", subject={"reference": "Patient/x"}, valueQuantity=WEIGHT,
                effectiveDateTime="2020-01-02"),
    observation("pressure", "p", subject={"reference": "Patient/y"}, component=[component("s", PRESSURE)],
                effectiveDateTime="2020-01-04"),
    observation("both", "s", subject={"reference": "Group/x"}, valueQuantity=PRESSURE,
                component=[component("w", WEIGHT)], effectiveDateTime="2020-01-03"),
    observation("named", "n", subject={"reference": UNKNOWN, "type": "Patient"}),
    observation("group", "n", subject={"reference": UNKNOWN, "type": "Group"}),
    observation("nobody", "n"),
    observation("inside", "n", subject={"reference": "#p"},
                contained=[{"resourceType": "Patient", "id": "p", "gender": "female", "name": [{"family": "Held"}]},
                           {"resourceType": "Coverage", "status": "active", "beneficiary": {"reference": "Patient/y"},
                            "payor": [{"reference": "Patient/y"}]}]),
]  # fmt: skip


@pytest.fixture
async def filled(store: TenantStore) -> TenantStore:
    """The resources above."""
    await store.write([write(tree) for tree in TREES])
    return store


@pytest.mark.parametrize(
    ("url", "ids"),
    {
        "Observation?combo-code=http://loinc.org|w": "both weight",
        "Observation?combo-code=s": "both pressure",
        "Observation?combo-code=w,p": "both pressure weight",
        "Observation?combo-code=http://loinc.org|w&combo-code=http://loinc.org|s": "both",
        "Observation?combo-code=http://loinc.org|": "both group inside named nobody pressure weight",
        "Observation?combo-code:not=w,n": "pressure",
        "Observation?combo-code:missing=true": "",
        "Observation?combo-code=w&date=ge2020": "both weight",
        "Observation?date=ge2020&combo-code=w": "both weight",
        "Observation?combo-value-quantity=gt100": "both pressure",
        "Observation?combo-value-quantity=70|http://unitsofmeasure.org|kg": "both weight",
        "Observation?combo-value-quantity=70000|http://unitsofmeasure.org|g": "both weight",
        "Observation?combo-value-quantity:missing=false": "both pressure weight",
        "Observation?status=final&combo-value-quantity=gt100": "both pressure",
        "Observation?combo-code-value-quantity=w$lt100": "both weight",
        "Observation?combo-code-value-quantity=s$gt100": "both pressure",
        "Observation?combo-code-value-quantity=w$gt100": "",
        "Observation?status=final&combo-code-value-quantity=w$lt100": "both weight",
        "Observation?code-value-quantity=w$lt100": "weight",
        "Observation?component-code=w": "both",
        "Observation?patient=Patient/x": "weight",
        "Observation?patient=x": "weight",
        "Observation?patient=Group/x": "",
        "Observation?subject=Group/x": "both",
        "Observation?subject=x": "both weight",
        f"Observation?patient={UNKNOWN}": "named",
        f"Observation?subject={UNKNOWN}": "group named",
        f"Observation?patient={UNKNOWN},Patient/x": "named weight",
        f"Observation?status=final&patient={UNKNOWN},Patient/x": "named weight",
        "Observation?patient:missing=true": "both group nobody",
        "Observation?patient:missing=false": "inside named pressure weight",
        "Observation?patient.gender=male": "weight",
        "Observation?patient.name=same": "weight",
        "Observation?patient.name=held": "inside",
        "Patient?_has:Observation:patient:combo-code=s": "y",
        "Patient?_has:Observation:patient:code=w": "x",
        "Patient?phonetic=same": "x",
        "Patient?phonetic:missing=false": "x y",
        "Observation?patient=x&combo-code=w": "weight",
        "Observation?combo-code=w&patient=x": "weight",
        "Coverage?_contained=true&patient=Patient/y": "inside",
        "Coverage?_contained=true&beneficiary=Patient/y": "inside",
    }.items(),
)
async def test_each_finds_what_is_its_own(filled: TenantStore, url: str, ids: str) -> None:
    assert sorted(await found(filled, url)) == ids.split()


async def test_a_page_of_a_union_is_in_order(filled: TenantStore) -> None:
    url = "Observation?combo-code=w,s,p&_sort=-date&_count=2"
    first = await filled.search(query(url))
    assert [each.key.logical_id for each in first.matches] == ["pressure", "both"]
    rest = await filled.search(replace(query(url), cursor=first.next_cursor))
    assert [each.key.logical_id for each in rest.matches] == ["weight"]
    assert rest.next_cursor is None


@pytest.mark.parametrize(("code", "total"), [("w", 2), ("s,w", 3), ("x", 0)])
async def test_a_total_of_a_union_counts_each_resource_once(filled: TenantStore, code: str, total: int) -> None:
    page = await filled.search(query(f"Observation?combo-code={code}&_total=accurate&_count=0"))
    assert page.total == total


async def test_has_does_not_reach_other_types(filled: TenantStore) -> None:
    clauses = query("Patient?_has:Observation:patient:status=final").clauses
    everywhere = await filled.search(Query((), clauses))
    assert sorted(str(each.key) for each in everywhere.matches) == ["Patient/x", "Patient/y"]
    groups = await filled.search(Query(("Group",), clauses))
    assert groups.matches == []


@pytest.mark.parametrize(
    ("url", "included"),
    {
        "Observation?_id=both&_include=Observation:patient": "",
        "Observation?_id=both&_include=Observation:subject": "Group/x",
        "Observation?_id=both,weight&_include=Observation:patient": "Patient/x",
        "Observation?_id=both,weight&_include=Observation:*": "Group/x Patient/x",
        "Group?_id=x&_revinclude=Observation:patient": "",
        "Group?_id=x&_revinclude=Observation:subject": "Observation/both",
        "Patient?_id=x&_revinclude=Observation:patient": "Observation/weight",
    }.items(),
)
async def test_includes_do_not_reach_other_types(filled: TenantStore, url: str, included: str) -> None:
    page = await filled.search(query(url))
    assert sorted(str(each.key) for each in page.included) == included.split()


async def test_sorting_does_not_look_at_other_types(filled: TenantStore) -> None:
    page = await filled.search(query("Observation?combo-code=w,s,p&_sort=patient"))
    assert [each.key.logical_id for each in page.matches] == ["weight", "pressure", "both"]


async def test_a_union_is_sorted_by_all_of_it(filled: TenantStore) -> None:
    page = await filled.search(query("Observation?combo-code=w,s,p&_sort=-combo-value-quantity"))
    assert page.matches[-1].key.logical_id == "weight"


async def test_a_compartment_is_of_one_type(filled: TenantStore) -> None:
    members = {}
    for compartment in ("Patient", "RelatedPerson"):
        clause = compartment_clause(DEFINITIONS, compartment, "x", ("Observation",))
        page = await filled.search(Query(("Observation",), (clause,)))
        members[compartment] = [each.key.logical_id for each in page.matches]
    assert members == {"Patient": ["weight"], "RelatedPerson": []}


async def test_an_update_moves_what_is_shared(filled: TenantStore) -> None:
    moved = observation("weight", "v", subject={"reference": "Group/x"}, component=[component("u", WEIGHT)])
    await filled.write([update(moved)])
    for url, ids in {
        "Observation?combo-code=w": ["both"],
        "Observation?combo-code=v": ["weight"],
        "Observation?combo-code=u": ["weight"],
        "Observation?patient=x": [],
        "Observation?subject=Group/x": ["both", "weight"],
    }.items():
        assert sorted(await found(filled, url)) == ids, url
    await filled.write([deletion("Observation/weight")])
    assert not await found(filled, "Observation?combo-code=v,u")
