"""``$everything``.

Spec: https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from __future__ import annotations

import gzip
from collections import Counter
from itertools import pairwise

import orjson
import pytest

from tests.fhir_api.rest.conftest import JSON
from tests.support.applications import BASE
from tests.support.examples import SHARED
from tests.support.outcomes import issue_code, link

BUNDLES = sorted((SHARED / "synthea-r4").glob("*.json.gz"))[:4]


async def pages(client, path):
    """Return the Bundles from *path* on."""
    found = []
    while path:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        path = link(found[-1], "next")
    return found


def keys(bundle):
    return [f"{each['resource']['resourceType']}/{each['resource']['id']}" for each in bundle.get("entry", [])]


async def everything(client, path):
    """Return the keys of all pages."""
    return [key for bundle in await pages(client, path) for key in keys(bundle)]


@pytest.fixture
async def record(store):
    """Patients a and b with what is about them, and what both refer to."""
    await store("Organization", "top", name="T")
    await store("Organization", "clinic", name="C", partOf={"reference": "Organization/top"})
    await store("Practitioner", "dr")
    await store("Practitioner", "unrelated")
    await store("Location", "ward", managingOrganization={"reference": "Organization/clinic"})
    await store("Medication", "m", manufacturer={"reference": "Organization/top"})
    await store("Binary", "scan", contentType="text/plain", data="aGk=")
    for patient in "ab":
        subject = {"reference": f"Patient/{patient}"}
        await store("Patient", patient, generalPractitioner=[{"reference": "Practitioner/dr"}])
        await store(
            "Encounter",
            f"enc-{patient}",
            status="finished",
            **{"class": {"code": "AMB"}},
            subject=subject,
            period={"start": "2026-01-01", "end": "2026-03-01"},
            location=[{"location": {"reference": "Location/ward"}}],
        )
        await store(
            "Observation",
            f"obs-{patient}",
            status="final",
            code={"text": "x"},
            subject=subject,
            encounter={"reference": f"Encounter/enc-{patient}"},
            effectiveDateTime="2026-02-01",
        )
        await store(
            "MedicationRequest",
            f"req-{patient}",
            status="active",
            intent="order",
            subject=subject,
            authoredOn="2025-06-01",
            medicationReference={"reference": "Medication/m"},
        )
    await store(
        "DocumentReference",
        "doc",
        status="current",
        subject={"reference": "Patient/a"},
        content=[{"attachment": {"url": "Binary/scan"}}],
    )
    # seen by a, and by nobody through a's reference to b's
    await store(
        "Observation",
        "of-a",
        status="final",
        code={"text": "x"},
        subject={"reference": "Patient/a"},
        hasMember=[{"reference": "Observation/obs-b"}],
    )


OF_A = {
    "Patient/a", "Encounter/enc-a", "Observation/obs-a", "Observation/of-a", "MedicationRequest/req-a",
    "DocumentReference/doc",
}  # fmt: skip
BESIDE = {
    "Practitioner/dr", "Location/ward", "Organization/clinic", "Organization/top", "Medication/m", "Binary/scan",
}  # fmt: skip


async def test_a_patient_with_all_there_is(client, record):
    (bundle,) = await pages(client, "/Patient/a/$everything")
    assert bundle["type"] == "searchset"
    assert Counter(keys(bundle)) == Counter(OF_A | BESIDE)
    assert keys(bundle)[0] == "Patient/a"
    modes = {key: each["search"]["mode"] for key, each in zip(keys(bundle), bundle["entry"], strict=True)}
    assert {key for key, mode in modes.items() if mode == "match"} == OF_A
    assert bundle["entry"][0]["fullUrl"] == f"{BASE}/Patient/a"


@pytest.mark.parametrize("count", [1, 2, 3, 5, 100])
async def test_pages_give_each_once(client, record, count):
    bundles = await pages(client, f"/Patient/a/$everything?_count={count}")
    assert Counter(key for bundle in bundles for key in keys(bundle)) == Counter(OF_A | BESIDE)
    for bundle in bundles:
        assert sum(each["search"]["mode"] == "match" for each in bundle["entry"]) <= count


async def test_what_is_changed_while_pages_are_read_comes_once(client, record):
    url: str | None = "/Patient/a/$everything?_count=1"
    found: list[str] = []
    turn = 0
    while url:
        bundle = (await client.get(url)).json()
        found += keys(bundle)
        url = link(bundle, "next")
        for name in ("obs-a", "of-a"):
            turn += 1
            tree = (await client.get(f"/Observation/{name}")).json()
            # before all others and behind them, in turn
            tree["effectiveDateTime"] = f"{(1950, 2025)[turn // 2 % 2]}-01-01"
            assert (await client.put(f"/Observation/{name}", json=tree, headers=JSON)).status_code == 200
    assert Counter(found) == Counter(OF_A | BESIDE)


async def test_by_post_and_on_by_get(client, record):
    parameters = [{"name": "_count", "valueInteger": 4}, {"name": "_type", "valueCode": "Observation,Patient"}]
    body = {"resourceType": "Parameters", "parameter": parameters}
    response = await client.post("/Patient/a/$everything", json=body, headers=JSON)
    following = await everything(client, link(response.json(), "next")) if link(response.json(), "next") else []
    assert sorted(keys(response.json()) + following) == ["Observation/obs-a", "Observation/of-a", "Patient/a"]


async def test_types(client, record):
    assert set(await everything(client, "/Patient/a/$everything?_type=Observation")) == {
        "Observation/obs-a",
        "Observation/of-a",
    }
    found = await everything(client, "/Patient/a/$everything?_type=Patient,Practitioner&_type=Medication")
    assert sorted(found) == ["Medication/m", "Patient/a", "Practitioner/dr"]


async def test_care_dates(client, record):
    undated = {"Patient/a", "DocumentReference/doc", "Observation/of-a"}
    found = await everything(client, "/Patient/a/$everything?start=2026-02-01")
    assert set(found) & OF_A == undated | {"Encounter/enc-a", "Observation/obs-a"}
    found = await everything(client, "/Patient/a/$everything?end=2025-12-31")
    assert set(found) & OF_A == undated | {"MedicationRequest/req-a"}
    found = await everything(client, "/Patient/a/$everything?start=2026-01-15&end=2026-01-20")
    assert set(found) & OF_A == undated | {"Encounter/enc-a"}


async def test_since(client, record, store):
    everything_at_once = (await client.get("/Patient/a/$everything")).json()["entry"]
    newest = max(each["resource"]["meta"]["lastUpdated"] for each in everything_at_once)
    changed = await client.put(
        "/Observation/obs-a",
        json={
            "resourceType": "Observation",
            "id": "obs-a",
            "status": "amended",
            "code": {"text": "y"},
            "subject": {"reference": "Patient/a"},
        },
        headers=JSON,
    )
    since = changed.json()["meta"]["lastUpdated"]
    assert since >= newest
    found = await everything(client, f"/Patient/a/$everything?_since={since}")
    assert "Observation/obs-a" in found
    assert "Encounter/enc-a" not in found


async def test_all_patients(client, record):
    of_b = {"Patient/b", "Encounter/enc-b", "Observation/obs-b", "MedicationRequest/req-b"}
    found = await everything(client, "/Patient/$everything?_count=3")
    assert Counter(found) == Counter(OF_A | of_b | BESIDE)


async def test_a_group(client, record, store):
    await store(
        "Group",
        "g",
        type="person",
        actual=True,
        member=[
            {"entity": {"reference": "Patient/b"}},
            {"entity": {"reference": "Patient/a"}, "inactive": True},
            {"entity": {"reference": "Patient/none"}},
        ],
    )
    found = await everything(client, "/Group/g/$everything?_count=2")
    assert Counter(found) == Counter(
        [
            "Patient/b",
            "Encounter/enc-b",
            "Observation/obs-b",
            "MedicationRequest/req-b",
            "Group/g",
            *(BESIDE - {"Binary/scan"}),
        ]
    )


async def test_an_encounter(client, record):
    found = await everything(client, "/Encounter/enc-a/$everything")
    assert Counter(found) == Counter(
        [
            "Encounter/enc-a",
            "Observation/obs-a",
            "Patient/a",
            "Location/ward",
            "Organization/clinic",
            "Organization/top",
        ]
    )


async def test_what_is_of_another_patient_stays_away(client, record):
    assert not {"Observation/obs-b", "Patient/b"} & set(await everything(client, "/Patient/a/$everything"))


async def test_a_deleted_resource_is_gone(client, record):
    await client.delete("/Observation/of-a")
    await client.delete("/Practitioner/dr")
    found = set(await everything(client, "/Patient/a/$everything"))
    assert found == (OF_A | BESIDE) - {"Observation/of-a", "Practitioner/dr"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/Patient/none/$everything", 404, "not-found"),
        ("/Group/none/$everything", 404, "not-found"),
        ("/Encounter/none/$everything", 404, "not-found"),
        ("/Encounter/$everything", 404, "not-supported"),
        ("/Observation/a/$everything", 404, "not-supported"),
        ("/Patient/a/$everything?_count=0", 400, "value"),
        ("/Patient/a/$everything?_count=x", 400, "value"),
        ("/Patient/a/$everything?start=2026-13", 400, "value"),
        ("/Patient/a/$everything?start=2026&end=2025", 400, "value"),
        ("/Patient/a/$everything?_since=2026", 400, "value"),
        ("/Patient/a/$everything?_type=Nonsense", 400, "value"),
        ("/Patient/a/$everything?nonsense=1", 400, "not-supported"),
        ("/Encounter/enc-a/$everything?start=2026", 400, "not-supported"),
        ("/Patient/a/$everything?_cursor=abc", 400, "value"),
    ],
)
async def test_what_cannot_be_done_is_refused(client, record, path, status, code):
    response = await client.get(path)
    assert (response.status_code, issue_code(response)) == (status, code)


async def test_a_deleted_patient(client, record):
    await client.delete("/Patient/a")
    assert (await client.get("/Patient/a/$everything")).status_code == 410


async def test_a_cursor_opens_its_own_pages_only(client, record):
    (first, _) = next(pairwise(await pages(client, "/Patient/a/$everything?_count=2")))
    following = link(first, "next") or ""
    assert (await client.get(following.replace("/Patient/a/", "/Patient/b/"))).status_code == 400


@pytest.mark.skipif(not BUNDLES, reason="the Synthea bundles are not in ../shared/data")
@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.name.partition(".")[0])
async def test_every_resource_of_a_bundle_comes_back_once(client, path):
    response = await client.post("/", content=gzip.decompress(path.read_bytes()), headers=JSON)
    assert response.status_code == 200, response.text[:500]
    answered = orjson.loads(response.content)["entry"]
    stored = [each["response"]["location"].partition("/_history")[0] for each in answered]
    patients = [key for key in stored if key.startswith("Patient/")]
    if not patients:
        pytest.skip("a bundle without a patient")
    found = await everything(client, f"/{patients[0]}/$everything?_count=150")
    assert Counter(found) == Counter(set(stored))


async def test_a_group_of_nobody(client, store):
    await store("Group", "empty", type="person", actual=True)
    assert await everything(client, "/Group/empty/$everything") == []


async def test_a_group_of_many(client, record, store):
    """So many that their references are read as a set rather than walked."""
    for number in range(30):
        await store("Patient", f"m{number}")
    members = [{"entity": {"reference": f"Patient/m{number}"}} for number in range(30)]
    await store("Group", "g", type="person", actual=True, member=[*members, {"entity": {"reference": "Patient/a"}}])
    found = await everything(client, "/Group/g/$everything?_count=7")
    assert Counter(found) == Counter(OF_A | BESIDE | {"Group/g"} | {f"Patient/m{number}" for number in range(30)})
