"""``Composition/$document``.

Spec: https://hl7.org/fhir/R4/composition-operation-document.html
"""

from __future__ import annotations

import pytest

from tests.support.outcomes import issue_code, outcome

BASE = "http://127.0.0.1:8080/fhir"


@pytest.fixture
async def composition(store):
    await store("Organization", "o", name="O")
    await store("Practitioner", "dr")
    await store("Practitioner", "other")
    await store("Patient", "p", managingOrganization={"reference": "Organization/o"})
    await store("Patient", "q")
    await store(
        "Observation",
        "obs",
        status="final",
        code={"text": "x"},
        subject={"reference": "Patient/p"},
        performer=[{"reference": "Practitioner/other"}],
        hasMember=[{"reference": "Observation/of-q"}],
    )
    await store("Observation", "of-q", status="final", code={"text": "x"}, subject={"reference": "Patient/q"})

    async def put(**elements):
        return await store(
            "Composition",
            "c",
            **{
                "status": "final",
                "type": {"text": "note"},
                "subject": {"reference": "Patient/p"},
                "date": "2026-11-23",
                "author": [{"reference": "Practitioner/dr"}],
                "title": "Note",
                "section": [{"title": "s", "entry": [{"reference": "Observation/obs"}]}],
                **elements,
            },
        )

    return put


def keys(bundle):
    return [f"{each['resource']['resourceType']}/{each['resource']['id']}" for each in bundle["entry"]]


async def test_a_document_has_all_that_is_referred_to(client, composition):
    await composition()
    response = await client.get("/Composition/c/$document")
    assert response.status_code == 200, response.text
    bundle = response.json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "document")
    assert bundle["identifier"]["value"].startswith("urn:uuid:")
    assert "timestamp" in bundle
    assert keys(bundle)[0] == "Composition/c"
    assert sorted(keys(bundle)[1:]) == [
        "Observation/obs",
        "Organization/o",
        "Patient/p",
        "Practitioner/dr",
        "Practitioner/other",
    ]
    assert bundle["entry"][0]["fullUrl"] == f"{BASE}/Composition/c"


async def test_it_is_not_stored_unless_asked(client, composition):
    await composition()
    await client.get("/Composition/c/$document?persist=false")
    assert (await client.get("/Bundle?_total=accurate")).json()["total"] == 0
    response = await client.get("/Composition/c/$document?persist=true")
    bundle = response.json()
    assert response.headers["location"] == f"{BASE}/Bundle/{bundle['id']}/_history/1"
    stored = await client.get(f"/Bundle/{bundle['id']}")
    assert stored.json() == bundle


async def test_by_the_parameter_id(client, composition):
    await composition()
    for text in ("c", f"{BASE}/Composition/c"):
        response = await client.get("/Composition/$document", params={"id": text})
        assert keys(response.json())[0] == "Composition/c"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/Composition/none/$document", 404, "not-found"),
        ("/Composition/$document", 400, "required"),
        ("/Composition/$document?id=http://elsewhere/Composition/c", 400, "not-supported"),
        ("/Composition/$document?id=Patient/p", 400, "not-supported"),
        ("/Composition/c/$document?id=c", 400, "structure"),
        ("/Composition/c/$document?graph=http://x", 400, "not-supported"),
        ("/Composition/c/$document?persist=yes", 400, "value"),
    ],
)
async def test_what_cannot_be_done_is_refused(client, composition, path, status, code):
    await composition()
    response = await client.get(path)
    assert (response.status_code, issue_code(response)) == (status, code)


async def test_what_is_not_here_is_named(client, composition):
    await composition(
        author=[{"reference": "Practitioner/dr"}, {"reference": "Practitioner/none"}],
        section=[{"title": "s", "entry": [{"reference": "http://elsewhere/Observation/1"}]}],
    )
    response = await client.get("/Composition/c/$document")
    assert response.status_code == 422
    assert [each["expression"] for each in outcome(response)["issue"]] == [
        ["Composition.author[1]"],
        ["Composition.section[0].entry[0]"],
    ]


async def test_it_comes_in_xml(client, composition):
    await composition()
    response = await client.get("/Composition/c/$document?_format=xml")
    assert b"<Bundle" in response.content
    assert b'<type value="document"/>' in response.content
