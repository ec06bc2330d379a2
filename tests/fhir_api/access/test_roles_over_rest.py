"""Roles narrow what scopes allow, and tricks that would go round them do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from httpx import AsyncClient, Response

pytestmark = [
    pytest.mark.usefixtures("two_patients"),
    pytest.mark.parametrize("app", ["memory"], indirect=True),
]


@pytest.fixture
def as_role(speak: Callable[..., AsyncClient]) -> Callable[..., AsyncClient]:
    """Speaks as a practitioner with a role and all scopes a person can have."""

    def client(role: str, scope: str = "user/*.cruds", **more: Any) -> AsyncClient:
        return speak(scope, roles=(role,), subject_type="practitioner", fhir_user="Practitioner/p", **more)

    return client


def total(response: Response) -> int:
    assert response.status_code == 200, response.text
    found: int = response.json()["total"]
    return found


async def test_a_practitioner_without_a_role_may_do_nothing(speak):
    nobody = speak("user/*.cruds", subject_type="practitioner", fhir_user="Practitioner/p")
    assert (await nobody.get("/Patient")).status_code == 403


async def test_an_unknown_role_gives_nothing(as_role):
    assert (await as_role("emperor").get("/Patient")).status_code == 403


@pytest.mark.parametrize(
    "url",
    [
        "/Patient?_has:Observation:subject:code=29463-7&_total=accurate",
        "/Patient?_has:Observation:patient:_id=wa&_total=accurate",
        "/Practitioner?_has:Observation:performer:subject=Patient/a&_total=accurate",
    ],
)
async def test_a_registrar_asks_nothing_about_clinical_records(as_role, url):
    assert total(await as_role("registrar").get(url)) == 0


async def test_a_registrar_is_given_nothing_clinical_beside_what_they_find(as_role):
    found = (await as_role("registrar").get("/Patient?_revinclude=Observation:subject&_id=a")).json()
    assert {entry["resource"]["resourceType"] for entry in found["entry"]} == {"Patient"}
    everything = (await as_role("registrar").get("/Patient/a/$everything")).json()
    assert "Observation" not in {entry["resource"]["resourceType"] for entry in everything["entry"]}


async def test_graphql_reaches_no_further(as_role):
    query = "{Patient(id:a){id observations:ObservationList(_reference:subject){id}}}"
    found = await as_role("registrar").post("/$graphql", content=query, headers={"content-type": "application/graphql"})
    assert "wa" not in found.text


async def test_an_administrator_sees_no_patients(as_role):
    administrator = as_role("administrator")
    assert (await administrator.get("/Patient/a")).status_code == 403
    assert (await administrator.get("/Practitioner/p")).status_code == 200
    everywhere = await administrator.get("/?_id=a,wa,p&_total=accurate")
    assert total(everywhere) == 1


async def test_an_analyst_says_what_for(as_role):
    assert (await as_role("analyst").get("/Observation")).status_code == 403
    with_purpose = as_role("analyst", headers={"x-purpose-of-use": "PUBHLTH"})
    assert (await with_purpose.get("/Observation")).status_code == 200
    other = as_role("analyst", headers={"x-purpose-of-use": "TREAT"})
    assert (await other.get("/Observation")).status_code == 403


@pytest.mark.parametrize("purpose", ["treat now", "<script>", "x" * 40])
async def test_a_purpose_is_a_code(as_role, purpose):
    assert (await as_role("nurse", headers={"x-purpose-of-use": purpose}).get("/Patient")).status_code == 400


async def test_a_scope_with_parameters_narrows_reads_searches_and_writes(speak, owner):
    narrow = speak("system/Observation.cruds?code=http://loinc.org|29463-7", roles=("owner",))
    other = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "other"}}
    assert (await owner.put("/Observation/o", json=other)).status_code == 201
    assert (await narrow.get("/Observation/wa")).status_code == 200
    assert (await narrow.get("/Observation/o")).status_code == 404
    assert total(await narrow.get("/Observation?_total=accurate")) == 2
    assert (await narrow.put("/Observation/o", json=other)).status_code == 403
    weight = (await narrow.get("/Observation/wa")).json()
    weight["code"] = {"text": "no weight any more"}
    assert (await narrow.put("/Observation/wa", json=weight)).status_code == 403


async def test_to_search_is_not_to_read_and_to_read_not_to_search(speak):
    reads = speak("system/Patient.r", roles=("owner",))
    assert (await reads.get("/Patient/a")).status_code == 200
    assert (await reads.get("/Patient?_id=a")).status_code == 403
    assert (await reads.post("/Patient/_search", data={"_id": "a"})).status_code == 403
    assert (await reads.get("/Patient/_history")).status_code == 403
    searches = speak("system/Patient.s", roles=("owner",))
    assert total(await searches.get("/Patient?_total=accurate")) == 2
    assert (await searches.get("/Patient/a")).status_code == 403


async def test_conditions_are_searches(speak):
    creates = speak("system/Patient.cud", roles=("owner",))
    tree = {"resourceType": "Patient", "name": [{"family": "New"}]}
    headers = {"if-none-exist": "family=Family-a"}
    assert (await creates.post("/Patient", json=tree, headers=headers)).status_code == 403
    assert (await creates.delete("/Patient?family=Family-a")).status_code == 403
    assert (await creates.put("/Patient?family=Family-a", json=tree)).status_code == 403
    assert (await creates.post("/Patient", json=tree)).status_code == 201
    assert (await creates.delete("/Patient/a")).status_code == 204


async def test_what_may_only_be_deleted_is_deleted_in_transactions_too(speak, owner):
    deletes = speak("system/Observation.d", roles=("owner",))
    entry = {"request": {"method": "DELETE", "url": "Observation/wa"}}
    answer = await deletes.post("/", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert answer.status_code == 200
    assert (await owner.get("/Observation/wa")).status_code == 410


@pytest.mark.parametrize("refused", ["/Observation?subject:below=Patient/a", "/Location?partof:below=Location/l"])
async def test_hierarchies_are_not_looked_through(speak, refused):
    narrow = speak("system/Location.rs?status=active system/Observation.rs", roles=("owner",))
    assert (await narrow.get(refused)).status_code in (400, 403)
