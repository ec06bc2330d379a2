"""Packages of a tenant, on each store: added whole or not at all, seen over REST, removed without harm."""

from __future__ import annotations

import pytest

from fhir_api.interactions.packages import add, remove
from fhir_api.packages.errors import PackageError
from fhir_api.packages.npm import read_package
from tests.support.packages import archive, manifest, profile

JSON = {"content-type": "application/fhir+json"}
URL = "http://a.example/StructureDefinition/p"


async def versions_of(client, url=URL):
    bundle = (await client.get("/StructureDefinition", params={"url": url})).json()
    return sorted(entry["resource"]["version"] for entry in bundle.get("entry", ()))


async def test_definitions_are_seen_over_rest_with_history(context, client, tmp_path):
    added = await add(context, read_package(archive(tmp_path, manifest(), profile())))
    assert (added.stored, added.unchanged, added.problems) == (1, False, ())
    (entry,) = (await client.get("/StructureDefinition", params={"url": URL})).json()["entry"]
    logical_id = entry["resource"]["id"]
    assert logical_id.startswith("p-")
    history = (await client.get(f"/StructureDefinition/{logical_id}/_history")).json()
    assert history["total"] == 1 if "total" in history else len(history["entry"]) == 1


async def test_adding_again_changes_nothing(context, client, tmp_path):
    package = read_package(archive(tmp_path, manifest(), profile()))
    await add(context, package)
    first = await context.store.packages()
    assert (await add(context, package)).unchanged
    assert await context.store.packages() == first
    (entry,) = (await client.get("/StructureDefinition", params={"url": URL})).json()["entry"]
    assert entry["resource"]["meta"]["versionId"] == "1"


async def test_a_changed_package_of_the_same_version_takes_its_own_place(context, client, tmp_path):
    await add(context, read_package(archive(tmp_path, manifest(), profile("p"), profile("q"))))
    await add(context, read_package(archive(tmp_path, manifest(), profile("p", title="Other"), profile("r"))))
    names = {
        entry["resource"]["url"].rpartition("/")[2]
        for entry in (await client.get("/StructureDefinition")).json()["entry"]
    }
    assert names == {"p", "r"}
    assert len((await context.store.packages())[0].resources) == 2


async def test_examples_can_be_asked_for_later(context, client, tmp_path):
    example = '{"resourceType":"Patient","id":"e"}'
    package = read_package(archive(tmp_path, manifest(), profile(), **{"example/Patient-e": example}))
    assert (await add(context, package)).stored == 1
    with_examples = await add(context, package, examples=True)
    assert (with_examples.unchanged, with_examples.stored) == (False, 2)
    assert (await add(context, package)).unchanged
    assert (await remove(context, "test.a")).removed == 2


async def test_versions_stand_side_by_side(context, client, tmp_path):
    for version in ("1.0.0", "1.1.0"):
        await add(context, read_package(archive(tmp_path, manifest(version=version), profile(version=version))))
    assert await versions_of(client) == ["1.0.0", "1.1.0"]
    await remove(context, "test.a", "1.0.0")
    assert await versions_of(client) == ["1.1.0"]


async def test_one_of_several_versions_has_to_be_named(context, tmp_path):
    for version in ("1.0.0", "1.1.0"):
        await add(context, read_package(archive(tmp_path, manifest(version=version))))
    with pytest.raises(PackageError, match=r"1\.0\.0, 1\.1\.0"):
        await remove(context, "test.a")


async def test_broken_definitions_are_named_and_the_rest_is_stored(context, client, tmp_path):
    nowhere = profile("n", baseDefinition="http://a.example/StructureDefinition/nowhere")
    strange = profile("s", nonsense=1)
    package = read_package(archive(tmp_path, manifest(), profile(), nowhere, strange, **{"ValueSet-v": "{"}))
    added = await add(context, package)
    assert {problem.path.rpartition("/")[2] for problem in added.problems} == {
        "ValueSet-v.json",
        "StructureDefinition-n.json",
        "StructureDefinition-s.json",
    }
    assert await versions_of(client) == ["1.0.0"]
    assert not (await context.store.packages())[0].complete


@pytest.mark.parametrize("fault", [{"nonsense": 1}, {"baseDefinition": "http://a.example/StructureDefinition/nowhere"}])
async def test_strict_adds_nothing_of_a_package_with_a_fault(context, client, tmp_path, fault):
    package = read_package(archive(tmp_path, manifest(), profile(), profile("s", **fault)))
    with pytest.raises(PackageError, match=r"StructureDefinition-s\.json"):
        await add(context, package, strict=True)
    assert await context.store.packages() == []
    assert await versions_of(client) == []


async def test_what_was_changed_since_is_kept(context, client, tmp_path):
    await add(context, read_package(archive(tmp_path, manifest(), profile("p"), profile("q"))))
    (entry,) = (await client.get("/StructureDefinition", params={"url": URL})).json()["entry"]
    mine = entry["resource"] | {"title": "Mine"}
    assert (await client.put(f"/StructureDefinition/{mine['id']}", json=mine, headers=JSON)).status_code == 200
    removed = await remove(context, "test.a")
    assert (removed.removed, [key.logical_id for key in removed.kept]) == (1, [mine["id"]])
    assert (await client.get(f"/StructureDefinition/{mine['id']}")).status_code == 200
    assert await context.store.packages() == []


async def test_a_package_that_is_needed_stays(context, tmp_path):
    await add(context, read_package(archive(tmp_path, manifest("test.a"))))
    await add(context, read_package(archive(tmp_path, manifest("test.b", dependencies={"test.a": "1.0.x"}))))
    with pytest.raises(PackageError, match=r"needed by test\.b@1\.0\.0"):
        await remove(context, "test.a")
    await remove(context, "test.a", force=True)
    assert [record.name for record in await context.store.packages()] == ["test.b"]


async def test_a_package_that_is_not_there_cannot_be_removed(context):
    with pytest.raises(PackageError, match="was not added"):
        await remove(context, "test.nowhere")


async def test_references_inside_a_package_lead_to_what_was_stored(context, client, tmp_path):
    guide = {
        "resourceType": "ImplementationGuide",
        "id": "ig",
        "url": "http://a.example/ImplementationGuide/ig",
        "name": "Ig",
        "status": "active",
        "packageId": "test.a",
        "fhirVersion": ["4.0.1"],
        "definition": {"resource": [{"reference": {"reference": "StructureDefinition/p"}}]},
    }
    await add(context, read_package(archive(tmp_path, manifest(), profile(), guide)))
    (entry,) = (await client.get("/ImplementationGuide")).json()["entry"]
    reference = entry["resource"]["definition"]["resource"][0]["reference"]["reference"]
    assert (await client.get(f"/{reference}")).json()["url"] == URL


async def test_a_profile_of_a_package_is_checked_by(context, client, tmp_path):
    await add(context, read_package(archive(tmp_path, manifest(), profile())))
    patient = {"resourceType": "Patient", "meta": {"profile": [URL]}}
    headers = {**JSON, "prefer": "return=OperationOutcome"}
    told = (await client.post("/Patient", json=patient, headers=headers)).json()
    assert told["issue"][0]["expression"] == ["Patient.name"]
