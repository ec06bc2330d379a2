"""Operations reach what their caller may reach."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.parametrize("app", ["memory"], indirect=True)
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"
CODES = "http://hl7.org/fhir/administrative-gender"


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        (f"/ValueSet/$expand?url={GENDERS}", "ValueSet"),
        (f"/ValueSet/$validate-code?url={GENDERS}&code=male&system={CODES}", "ValueSet"),
        (f"/CodeSystem/$lookup?system={CODES}&code=male", "CodeSystem"),
        (f"/CodeSystem/$subsumes?system={CODES}&codeA=male&codeB=male", "CodeSystem"),
    ],
)
async def test_terminology_is_for_those_who_read_it(speak, url, needed):
    assert (await speak(f"system/{needed}.r").get(url)).status_code == 200
    assert (await speak("system/Patient.cruds").get(url)).status_code == 403
    assert (await speak("patient/*.rs", patient="a").get(url)).status_code == 200


async def test_validation_stores_nothing_and_needs_no_more_than_a_token(speak):
    answer = await speak("system/Observation.r").post("/Patient/$validate", json={"resourceType": "Patient"})
    assert answer.status_code == 200


async def test_validation_does_not_tell_what_is_there(speak, owner):
    await owner.put("/Patient/b", json={"resourceType": "Patient", "id": "b"})
    of_a = speak("patient/*.rs", patient="a")
    assert (await of_a.get("/Patient/b/$validate")).status_code == 404
    assert (await of_a.get("/Patient/none/$validate")).status_code == 404


@pytest.mark.parametrize("scope", ["system/*.cruds", "system/SearchParameter.cruds"])
async def test_the_index_is_rebuilt_by_those_who_administer(speak, owner, scope):
    assert (await speak(scope).post("/Patient/$reindex")).status_code == 403
    assert (await owner.post("/Patient/$reindex")).status_code in (200, 202)


async def test_profiles_are_checked_whoever_writes(speak, owner):
    profile = {
        "resourceType": "StructureDefinition",
        "id": "named",
        "url": "http://example.org/named",
        "name": "Named",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
    }
    assert (await owner.put("/StructureDefinition/named", json=profile)).status_code == 201
    patient = {"resourceType": "Patient", "meta": {"profile": ["http://example.org/named"]}}
    answer = await speak("system/Patient.c").post("/Patient/$validate", json=patient)
    assert "Patient.name" in answer.text
