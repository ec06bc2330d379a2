"""Profiles that resources declare: every way of writing honours the policy, on each store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from fhir_api.app import create_app
from fhir_api.opening import OpenStores
from fhir_api.store.postgres import migrations
from tests.support.applications import BASE, SETTINGS, open_memory, open_of_one_test
from tests.support.outcomes import issue_code, outcome

PROFILE = "http://profiles.example/StructureDefinition/named"
JSON = {"content-type": "application/fhir+json"}
TOLD = {**JSON, "prefer": "return=OperationOutcome"}

Tree = dict[str, Any]
Start = Callable[[str], Awaitable[httpx.AsyncClient]]


def profile(version: str = "1", **element: Any) -> Tree:
    element = element or {"min": 1}
    return {
        "resourceType": "StructureDefinition",
        "url": PROFILE,
        "version": version,
        "name": "Named",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", **element}]},
    }


def patient(*, named: bool = False, declares: str = PROFILE, **elements: Any) -> Tree:
    name = {"name": [{"family": "U"}]} if named else {}
    return {"resourceType": "Patient", "meta": {"profile": [declares]}, **name, **elements}


def bundle(kind: str, *requests: tuple[str, str, Tree]) -> Tree:
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [{"resource": tree, "request": {"method": method, "url": url}} for method, url, tree in requests],
    }


@pytest.fixture(params=["memory", "postgres"])
async def start(request: pytest.FixtureRequest) -> AsyncIterator[Start]:
    """Start the application with a policy; the profile is stored."""
    started = []
    settings = SETTINGS
    open_stores: OpenStores = open_memory
    if request.param == "postgres":
        connection = request.getfixturevalue("postgres")
        migrations.upgrade(connection.owner_dsn)
        settings = replace(settings, database_url=connection.owner_dsn, database_app_url=connection.app_dsn)
        open_stores = open_of_one_test

    async def begin(policy: str) -> httpx.AsyncClient:
        app = create_app(replace(settings, validation_profiles=policy), open_stores=open_stores)
        await app.start()
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE)
        started.append((app, client))
        assert (await client.post("/StructureDefinition", json=profile(), headers=JSON)).status_code == 201
        return client

    yield begin
    for app, client in started:
        await client.aclose()
        await app.stop()


async def written(client: httpx.AsyncClient, way: str, *, named: bool) -> httpx.Response:
    """Write a patient that declares the profile in one of the ways there are."""
    tree = patient(named=named)
    with_id = patient(named=named, id="a")
    match way:
        case "create":
            return await client.post("/Patient", json=tree, headers=TOLD)
        case "conditional-create":
            headers = {**TOLD, "if-none-exist": "identifier=http://x|1"}
            return await client.post("/Patient", json=tree, headers=headers)
        case "update":
            return await client.put("/Patient/a", json=with_id, headers=TOLD)
        case "conditional-update":
            return await client.put("/Patient?identifier=http://x|1", json=tree, headers=TOLD)
        case "patch":
            before = patient(named=True, id="a")
            assert (await client.put("/Patient/a", json=before, headers=JSON)).is_success
            operation = {"op": "replace" if named else "remove", "path": "/name", "value": [{"family": "V"}]}
            headers = {**TOLD, "content-type": "application/json-patch+json"}
            return await client.patch("/Patient/a", json=[operation], headers=headers)
        case "transaction":
            return await client.post("/", json=bundle(way, ("POST", "Patient", tree)), headers=TOLD)
        case _:
            return await client.post("/", json=bundle(way, ("PUT", "Patient/a", with_id)), headers=TOLD)


WAYS = ["create", "conditional-create", "update", "conditional-update", "patch", "transaction", "batch"]


def shown(response: httpx.Response) -> tuple[int, Tree]:
    """Return status and OperationOutcome of a write, or of the one entry of a Bundle."""
    body = response.json()
    if body["resourceType"] != "Bundle":
        return response.status_code, body
    answer = body["entry"][0]["response"]
    return int(answer["status"].split()[0]), answer["outcome"]


@pytest.mark.parametrize("way", WAYS)
async def test_enforce_refuses_what_does_not_fit(start, way):
    client = await start("enforce")
    status, told = shown(await written(client, way, named=False))
    assert status == 422
    assert told["issue"][0]["severity"] == "error"
    fitting, _ = shown(await written(client, way, named=True))
    assert fitting in (200, 201)


@pytest.mark.parametrize("way", WAYS)
async def test_warn_stores_and_tells(start, way):
    client = await start("warn")
    status, told = shown(await written(client, way, named=False))
    assert status in (200, 201)
    assert [issue["severity"] for issue in told["issue"]] == ["warning"]
    count = (await client.get("/Patient?_summary=count")).json()["total"]
    assert count == 1


@pytest.mark.parametrize("way", WAYS)
async def test_off_takes_a_profile_as_a_word(start, way):
    client = await start("off")
    status, told = shown(await written(client, way, named=False))
    assert status in (200, 201)
    assert [issue["severity"] for issue in told["issue"]] == ["information"]


async def test_a_refused_entry_leaves_nothing_of_its_transaction(start):
    client = await start("enforce")
    entries = (("POST", "Patient", {"resourceType": "Patient"}), ("POST", "Patient", patient()))
    response = await client.post("/", json=bundle("transaction", *entries), headers=JSON)
    assert response.status_code == 422
    assert outcome(response)["issue"][0]["expression"][0].startswith("Bundle.entry[1]")
    assert (await client.get("/Patient?_summary=count")).json()["total"] == 0


async def test_an_unknown_profile_is_named_and_refused_only_by_enforce(start):
    client = await start("enforce")
    response = await client.post("/Patient", json=patient(declares="http://nowhere.example/p"), headers=TOLD)
    assert (response.status_code, issue_code(response)) == (422, "not-found")
    assert outcome(response)["issue"][0]["expression"] == ["Patient.meta.profile[0]"]


async def test_a_profile_whose_base_is_missing_is_as_good_as_unknown(start):
    client = await start("enforce")
    groundless = profile() | {"url": "http://profiles.example/g", "baseDefinition": "http://nowhere.example/p"}
    assert (await client.post("/StructureDefinition", json=groundless, headers=JSON)).status_code == 201
    response = await client.post("/Patient", json=patient(declares="http://profiles.example/g"), headers=JSON)
    assert (response.status_code, issue_code(response)) == (422, "not-found")
    assert outcome(response)["issue"][0]["expression"] == ["Patient.meta.profile[0]"]


async def test_an_unknown_profile_is_a_warning_by_default(start):
    client = await start(SETTINGS.validation_profiles)
    response = await client.post("/Patient", json=patient(declares="http://nowhere.example/p"), headers=TOLD)
    assert response.status_code == 201
    assert outcome(response)["issue"][0]["severity"] == "warning"


async def test_profiles_of_the_specification_are_known(start):
    client = await start("enforce")
    pulse = {
        "resourceType": "Observation",
        "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/heartrate"]},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
    }
    assert (await client.post("/Observation", json=pulse, headers=JSON)).status_code == 422


async def test_the_newest_version_answers_unless_one_is_named(start):
    client = await start("enforce")
    await client.post("/StructureDefinition", json=profile("1.10", max="0"), headers=JSON)
    await client.post("/StructureDefinition", json=profile("1.9", min=0), headers=JSON)
    named = patient(named=True)
    assert (await client.post("/Patient", json=named, headers=JSON)).status_code == 422
    assert (await client.post("/Patient", json=patient(declares=f"{PROFILE}|1"), headers=JSON)).status_code == 422
    by_version = patient(named=True, declares=f"{PROFILE}|1")
    assert (await client.post("/Patient", json=by_version, headers=JSON)).status_code == 201


async def test_a_changed_profile_counts_at_once(start):
    client = await start("enforce")
    assert (await client.post("/Patient", json=patient(), headers=JSON)).status_code == 422
    found = (await client.get("/StructureDefinition")).json()["entry"][0]["resource"]
    changed = profile(min=0) | {"id": found["id"]}
    assert (await client.put(f"/StructureDefinition/{found['id']}", json=changed, headers=JSON)).status_code == 200
    assert (await client.post("/Patient", json=patient(), headers=JSON)).status_code == 201
    await client.delete(f"/StructureDefinition/{found['id']}")
    assert issue_code(await client.post("/Patient", json=patient(), headers=JSON)) == "not-found"


async def test_entries_of_a_stored_bundle_keep_their_word_too(start):
    client = await start("enforce")
    collection = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient()}]}
    response = await client.post("/Bundle", json=collection, headers=JSON)
    assert response.status_code == 422
    assert outcome(response)["issue"][0]["expression"][0].startswith("Bundle.entry[0].resource")


async def test_a_contained_resource_keeps_its_word_too(start):
    client = await start("enforce")
    group = {
        "resourceType": "Observation",
        "contained": [patient(id="p")],
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "#p"},
    }
    response = await client.post("/Observation", json=group, headers=JSON)
    assert response.status_code == 422
    assert outcome(response)["issue"][0]["expression"] == ["Observation.contained[0].name"]


async def test_checks_are_counted(start):
    client = await start("warn")
    await client.post("/Patient", json=patient(), headers=JSON)
    await client.post("/Patient", json=patient(named=True), headers=JSON)
    metrics = (await client.get("http://127.0.0.1:8080/metrics")).text
    assert 'stanforis_profile_checks_total{outcome="warned"} 1.0' in metrics
    assert 'stanforis_profile_checks_total{outcome="conforms"} 1.0' in metrics


async def test_entries_of_a_bundle_see_each_other(start):
    client = await start("enforce")
    pointing = {"type": [{"code": "Reference", "targetProfile": [PROFILE]}]}
    linked = {**profile(), "url": "http://profiles.example/StructureDefinition/linked", "name": "Linked"}
    linked["differential"] = {"element": [{"id": "Patient.link.other", "path": "Patient.link.other", **pointing}]}
    assert (await client.post("/StructureDefinition", json=linked, headers=JSON)).status_code == 201
    other = "urn:uuid:7d444840-9dc0-11d1-b245-5ffdce74fad2"
    linking = patient(declares=linked["url"], link=[{"type": "refer", "other": {"reference": other}}])
    for named, status in ((True, 201), (False, 422)):
        name = {"name": [{"family": "U"}]} if named else {"active": True}
        resources = {
            "urn:uuid:7d444840-9dc0-11d1-b245-5ffdce74fad3": linking,
            other: {"resourceType": "Patient", **name},
        }
        entries = [{"fullUrl": full_url, "resource": tree} for full_url, tree in resources.items()]
        collection = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        assert (await client.post("/Bundle", json=collection, headers=JSON)).status_code == status
