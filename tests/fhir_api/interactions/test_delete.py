"""Spec: https://hl7.org/fhir/R4/http.html#delete, #3.1.0.7.1 (conditional)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from fhir_api.interactions.context import Limits
from fhir_api.interactions.delete import conditional_delete
from fhir_api.model.errors import ErrorKind, FhirError
from tests.support.bundles import FHIR, patient
from tests.support.outcomes import issue_code


async def test_delete_again_changes_nothing(client, store):
    await store("Patient", "a")
    first, second = await client.delete("/Patient/a"), await client.delete("/Patient/a")
    assert (first.status_code, second.status_code) == (204, 204)
    assert first.headers["etag"] == second.headers["etag"] == 'W/"2"'
    assert len((await client.get("/Patient/a/_history")).json()["entry"]) == 2


async def test_delete_of_what_never_was_succeeds(client):
    assert (await client.delete("/Patient/never")).status_code == 204
    assert (await client.get("/Patient/never")).status_code == 404


async def test_delete_keeps_the_versions_before(client, store):
    await store("Patient", "a", gender="male")
    await client.delete("/Patient/a")
    assert (await client.get("/Patient/a/_history/1")).json()["gender"] == "male"
    gone = await client.get("/Patient/a/_history/2")
    assert (gone.status_code, issue_code(gone)) == (410, "deleted")


async def test_delete_of_another_version_fails(client, store):
    await store("Patient", "a")
    response = await client.delete("/Patient/a", headers={"if-match": 'W/"2"'})
    assert response.status_code == 412
    assert (await client.get("/Patient/a")).status_code == 200


async def test_versions_go_on_after_a_deletion(client, store):
    await store("Patient", "a")
    await client.delete("/Patient/a")
    response = await client.put("/Patient/a", json=patient(id="a"), headers=FHIR)
    assert response.headers["etag"] == 'W/"3"'
    methods = [each["request"]["method"] for each in (await client.get("/Patient/a/_history")).json()["entry"]]
    assert methods == ["PUT", "DELETE", "PUT"]


async def test_conditional_delete_without_a_match_succeeds(client):
    assert (await client.delete("/Patient?gender=male")).status_code == 204


async def test_conditional_delete_of_one_refuses_several(client, store, context):
    for logical_id in ("a", "b"):
        await store("Patient", logical_id, gender="male")
    with pytest.raises(FhirError) as refusal:
        await conditional_delete(context, "Patient", "gender=male", multiple=False)
    assert refusal.value.kind is ErrorKind.PRECONDITION_FAILED
    assert (await client.get("/Patient/a")).status_code == 200


async def test_conditional_delete_stops_at_the_limit(client, store, context):
    for number in range(4):
        await store("Patient", f"p{number}", gender="male")
    limited = replace(context, limits=Limits(conditional_delete=3))
    with pytest.raises(FhirError) as refusal:
        await conditional_delete(limited, "Patient", "gender=male", multiple=True)
    assert refusal.value.kind is ErrorKind.TOO_COSTLY
    assert (await client.get("/Patient?_total=accurate")).json()["total"] == 4
