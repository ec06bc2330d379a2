"""An app with a patient in context reaches that patient's record, by whatever way it tries."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import Response

pytestmark = pytest.mark.usefixtures("two_patients")


@pytest.fixture
def of_a(speak):
    return speak("patient/*.cruds", patient="a")


def total(response: Response) -> int:
    found: int = response.json()["total"]
    return found


def ids(response: Response) -> set[str]:
    return {entry["resource"]["id"] for entry in response.json().get("entry", ())}


def an_observation(logical_id: str, patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": f"Patient/{patient}"},
    }


@pytest.mark.parametrize("url", ["/Patient/a", "/Observation/wa", "/Practitioner/p", "/Observation/wa/_history/1"])
async def test_reads_their_own_and_what_is_shared(of_a, url):
    assert (await of_a.get(url)).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "/Patient/b",
        "/Observation/wb",
        "/Observation/wb/_history",
        "/Observation/wb/_history/1",
        "/Patient/b/$everything",
        "/Observation/wb/$meta",
        "/Observation/wb/$graphql?query={id}",
    ],
)
async def test_what_is_of_others_is_as_if_it_were_not_there(of_a, url):
    hidden = await of_a.get(url)
    absent = await of_a.get(url.replace("/b", "/none").replace("/wb", "/none"))
    assert hidden.status_code == absent.status_code == 404
    assert hidden.text.replace("wb", "none").replace("/b", "/none") == absent.text


@pytest.mark.parametrize(
    "url",
    [
        "/Observation?_id=wb",
        "/Observation?subject=Patient/b",
        "/Observation?subject:Patient.family=Family-b",
        "/Patient?_has:Observation:subject:_id=wb",
        "/Patient?family=Family-b",
        "/Patient/b/Observation",
        "/Observation?_filter=subject.family eq Family-b",
        "/?_type=Observation,Patient&_id=wb,b",
        "/Observation?_text=Family-b",
        "/?_contained=true",
    ],
)
async def test_searches_find_nothing_of_others(of_a, url):
    separator = "&" if "?" in url else "?"
    response = await of_a.get(f"{url}{separator}_total=accurate")
    assert response.status_code == 200, response.text
    assert (total(response), ids(response)) == (0, set())


async def test_totals_and_pages_are_of_their_own(of_a):
    assert total(await of_a.get("/Observation?_summary=count")) == 1
    page = await of_a.get("/Observation?_count=1&_sort=date")
    assert ids(page) == {"wa"}
    assert "next" not in {link["relation"] for link in page.json()["link"]}


async def test_includes_add_nothing_of_others(of_a):
    found = await of_a.get("/Practitioner?_revinclude=Observation:performer&_include:iterate=Observation:subject")
    assert ids(found) == {"p", "wa", "a"}


async def test_a_practitioner_leads_to_nobody(of_a):
    found = await of_a.get("/Observation?performer._has:Observation:performer:subject=Patient/b&_total=accurate")
    assert total(found) == 0


@pytest.mark.parametrize("url", ["/_history", "/Observation/_history", "/Patient/_history"])
async def test_histories_show_their_own_only(of_a, url):
    found = await of_a.get(url)
    assert found.status_code == 200
    assert ids(found) <= {"a", "wa", "p"}
    assert ids(found)


async def test_everything_is_their_own(of_a):
    assert ids(await of_a.get("/Patient/a/$everything")) == {"a", "wa", "p"}


async def test_graphql_finds_their_own_only(of_a):
    found = await of_a.post(
        "/$graphql", content="{ObservationList{id} PatientList{id}}", headers={"content-type": "application/graphql"}
    )
    assert found.json()["data"] == {"ObservationList": [{"id": "wa"}], "PatientList": [{"id": "a"}]}


async def test_what_all_resources_have_in_use_is_not_told(of_a):
    assert (await of_a.get("/Observation/$meta")).status_code == 403


async def test_writes_stay_in_the_record(of_a, owner):
    assert (await of_a.put("/Observation/n", json=an_observation("n", "a"))).status_code == 201
    assert (await of_a.post("/Observation", json=an_observation("n", "b"))).status_code == 403
    assert (await of_a.put("/Observation/n", json=an_observation("n", "b"))).status_code == 403
    assert (await of_a.put("/Observation/wb", json=an_observation("wb", "a"))).status_code == 403
    moved = [{"op": "replace", "path": "/subject/reference", "value": "Patient/b"}]
    patch = {"content-type": "application/json-patch+json"}
    assert (await of_a.patch("/Observation/n", json=moved, headers=patch)).status_code == 403
    assert (await of_a.patch("/Observation/wb", json=moved, headers=patch)).status_code == 404
    assert (await owner.get("/Observation/n")).json()["subject"] == {"reference": "Patient/a"}
    assert (await owner.get("/Observation/wb")).json()["meta"]["versionId"] == "1"


async def test_who_performed_something_does_not_write_it_into_the_record_of_others(of_a, owner):
    """R4 puts what a patient performed into their own record too: that is good for reading only."""
    performed = an_observation("by-a", "b") | {"performer": [{"reference": "Patient/a"}]}
    assert (await of_a.put("/Observation/by-a", json=performed)).status_code == 403
    assert (await owner.put("/Observation/by-a", json=performed)).status_code == 201
    assert (await of_a.get("/Observation/by-a")).status_code == 200
    assert (await of_a.put("/Observation/by-a", json=performed | {"status": "amended"})).status_code == 403
    assert (await of_a.delete("/Observation/by-a")).status_code == 403
    assert (await of_a.delete("/Observation?_id=by-a")).status_code == 403
    assert (await owner.get("/Observation/by-a")).json()["meta"]["versionId"] == "1"
    nobody = {name: value for name, value in performed.items() if name not in ("id", "subject")}
    assert (await of_a.post("/Observation", json=nobody)).status_code == 201


async def test_deletes_nothing_of_others(of_a, owner):
    assert (await of_a.delete("/Observation/wb")).status_code == (await of_a.delete("/Observation/none")).status_code
    assert (await of_a.delete("/Observation?_id=wb")).status_code < 400
    first = {"if-match": 'W/"1"'}
    hidden = await of_a.delete("/Observation/wb", headers=first)
    absent = await of_a.delete("/Observation/none", headers=first)
    assert (hidden.status_code, hidden.text.replace("wb", "none")) == (absent.status_code, absent.text)
    assert (await owner.get("/Observation/wb")).status_code == 200
    assert (await of_a.delete("/Observation/wa")).status_code == 204
    assert (await of_a.get("/Observation/wa")).status_code == 410
    assert (await owner.get("/Observation/wa")).status_code == 410


async def test_shared_resources_are_not_written(of_a):
    changed = {"resourceType": "Practitioner", "id": "p", "name": [{"family": "Changed"}]}
    assert (await of_a.put("/Practitioner/p", json=changed)).status_code == 403


async def test_conditions_see_their_own_only(of_a, owner):
    created = await of_a.post(
        "/Observation", json=an_observation("x", "a"), headers={"if-none-exist": "subject=Patient/b"}
    )
    assert created.status_code == 201
    found = await of_a.put("/Observation?_id=wb", json=an_observation("wb", "a"))
    assert found.status_code in (403, 409)
    assert (await owner.get("/Observation/wb")).json()["subject"] == {"reference": "Patient/b"}


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_bundles_reach_no_further(of_a, owner, kind):
    entries = [
        {"request": {"method": "GET", "url": "Observation?subject=Patient/b&_total=accurate"}},
        {"request": {"method": "DELETE", "url": "Observation/wb"}},
    ]
    answer = await of_a.post("/", json={"resourceType": "Bundle", "type": kind, "entry": entries})
    assert answer.status_code == 200, answer.text
    found = answer.json()["entry"]
    assert found[0]["resource"]["total"] == 0
    assert (await owner.get("/Observation/wb")).status_code == 200


async def test_a_transaction_with_something_of_others_does_nothing(of_a, owner):
    entries = [
        {"resource": an_observation("n1", "a"), "request": {"method": "PUT", "url": "Observation/n1"}},
        {"resource": an_observation("n2", "b"), "request": {"method": "PUT", "url": "Observation/n2"}},
    ]
    answer = await of_a.post("/", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 403
    assert (await owner.get("/Observation/n1")).status_code == 404


async def test_a_reference_to_others_is_not_resolved(of_a):
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": {**an_observation("n1", "a"), "focus": [{"reference": "Patient?family=Family-b"}]},
                "request": {"method": "PUT", "url": "Observation/n1"},
            }
        ],
    }
    hidden = await of_a.post("/", json=bundle)
    bundle["entry"][0]["resource"]["focus"] = [{"reference": "Patient?family=Nobody"}]
    assert hidden.status_code == (await of_a.post("/", json=bundle)).status_code == 422


async def test_a_patient_scope_without_a_patient_reaches_nothing(speak):
    assert (await speak("patient/*.rs").get("/Patient/a")).status_code == 403


async def test_what_runs_the_store_is_for_administrators(of_a, owner):
    assert (await of_a.post("/$reindex?type=Patient")).status_code == 403
    assert (await of_a.get("/$reindex-status")).status_code in (403, 404)


@pytest.mark.parametrize(
    "url", ["Observation/wa", "Observation?subject=Patient/a", "Observation/wb", "Observation/none"]
)
async def test_a_transaction_deletes_nothing_that_a_delete_would_not(speak, owner, url):
    reader = speak("patient/*.cruds", patient="a", subject_type="person", fhir_user="Patient/a")
    entry = {"request": {"method": "DELETE", "url": url}}
    answer = await reader.post("/", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert answer.status_code == 403
    assert (await owner.get("/Observation/wa")).status_code == 200


async def test_a_transaction_says_what_of_a_type_may_not_be_deleted(speak, owner):
    some = speak("system/Observation.rs system/Observation.d?category=laboratory")
    entry = {"request": {"method": "DELETE", "url": "Observation/wa"}}
    answer = await some.post("/", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert answer.status_code == 403
    blind = speak("system/Observation.d?category=laboratory")
    unseen = await blind.post("/", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert unseen.json()["entry"][0]["response"]["status"].startswith("204")
    assert (await owner.get("/Observation/wa")).status_code == 200
