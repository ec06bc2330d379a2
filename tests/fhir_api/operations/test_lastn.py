"""``Observation/$lastn``.

Spec: https://hl7.org/fhir/R4/observation-operation-lastn.html
"""

from __future__ import annotations

import pytest

from tests.fhir_api.rest.conftest import JSON
from tests.support.outcomes import issue_code

VITALS = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}]


@pytest.fixture
def observe(store):
    async def put(logical_id, effective, *codes, patient="p", text=None, category=VITALS):
        code = {"coding": [{"system": "http://x", "code": each} for each in codes]} if codes else {"text": text}
        when = {"effectiveDateTime": effective} if effective else {}
        await store(
            "Observation",
            logical_id,
            status="final",
            category=category,
            code=code,
            subject={"reference": f"Patient/{patient}"},
            **when,
        )

    return put


async def found(client, query):
    response = await client.get(f"/Observation/$lastn?{query}")
    assert response.status_code == 200, response.text
    bundle = response.json()
    assert bundle["type"] == "searchset"
    return [each["resource"]["id"] for each in bundle.get("entry", [])]


async def test_the_newest_of_each_code(client, observe):
    await observe("a1", "2026-01-01", "a")
    await observe("a2", "2026-01-03", "a")
    await observe("b1", "2026-01-02", "b")
    await observe("other", "2026-01-09", "a", patient="q")
    assert await found(client, "patient=p&category=vital-signs") == ["a2", "b1"]
    assert await found(client, "patient=Patient/p&category=vital-signs&max=2") == ["a2", "b1", "a1"]
    assert await found(client, "subject=Patient/p&code=http://x|a&max=9") == ["a2", "a1"]


async def test_ties_are_all_given(client, observe):
    for number, day in enumerate(["05", "04", "03", "03", "03", "02"]):
        await observe(f"o{number}", f"2026-01-{day}", "a")
    assert set(await found(client, "patient=p&code=a&max=3")) == {"o0", "o1", "o2", "o3", "o4"}
    assert set(await found(client, "patient=p&code=a&max=2")) == {"o0", "o1"}


@pytest.mark.parametrize(
    ("codes", "groups"),
    [(["a", "b", "c"], 3), (["a", "b", "ac"], 2), (["a", "b", "ab"], 1), (["ab", "bc", "cd", "e"], 2)],
)
async def test_translations_are_one_code(client, observe, codes, groups):
    for number, code in enumerate(codes):
        await observe(f"o{number}", f"2026-01-0{number + 1}", *code)
    assert len(await found(client, "patient=p&category=vital-signs")) == groups


async def test_codes_that_an_older_observation_joins_are_one_group(client, observe):
    await observe("joins", "2026-01-01", "a", "b")
    await observe("a1", "2026-01-02", "a")
    await observe("b1", "2026-01-03", "b")
    await observe("a2", "2026-01-04", "a")
    assert await found(client, "patient=p&category=vital-signs&max=2") == ["a2", "b1"]


async def test_texts_are_codes_of_their_own(client, observe):
    for number, text in enumerate(["textM", "Text", "t e x t", "Text"]):
        await observe(f"o{number}", f"2026-01-0{number + 1}", text=text)
    assert await found(client, "patient=p&category=vital-signs") == ["o3", "o2", "o0"]


async def test_the_same_code_of_another_system_is_another(client, observe, store):
    await observe("x", "2026-01-01", "a")
    code = {"coding": [{"system": "http://other", "code": "a"}]}
    subject = {"reference": "Patient/p"}
    await store("Observation", "y", status="final", code=code, subject=subject, category=VITALS)
    assert set(await found(client, "patient=p&category=vital-signs")) == {"x", "y"}


async def test_what_has_no_date_is_oldest(client, observe):
    await observe("undated", None, "a")
    await observe("dated", "1950", "a")
    assert await found(client, "patient=p&code=a") == ["dated"]


async def test_nothing_found_is_no_error(client):
    assert await found(client, "patient=p&category=vital-signs") == []


async def test_by_post(client, observe):
    await observe("a1", "2026-01-01", "a")
    await observe("a2", "2026-01-03", "a")
    parameters = [
        {"name": "max", "valuePositiveInt": 2},
        {"name": "patient", "valueString": "p"},
        {"name": "category", "valueString": "vital-signs"},
    ]
    body = {"resourceType": "Parameters", "parameter": parameters}
    response = await client.post("/Observation/$lastn", json=body, headers=JSON)
    assert [each["resource"]["id"] for each in response.json()["entry"]] == ["a2", "a1"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("category=vital-signs", "required"),
        ("patient=p", "required"),
        ("patient=p&category=vital-signs&max=0", "value"),
        ("patient=p&category=vital-signs&max=x", "value"),
        ("patient=p&category=vital-signs&max=1&max=2", "structure"),
        ("patient=p&category=vital-signs&nonsense=1", "not-supported"),
    ],
)
async def test_what_is_not_understood_is_refused(client, query, code):
    response = await client.get(f"/Observation/$lastn?{query}")
    assert (response.status_code, issue_code(response)) == (400, code)


async def test_it_is_of_the_type_only(client):
    assert (await client.get("/Observation/a/$lastn?patient=p&code=a")).status_code == 404
    assert (await client.get("/Patient/$lastn?patient=p&code=a")).status_code == 404
