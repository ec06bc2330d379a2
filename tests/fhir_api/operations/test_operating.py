"""Operations over HTTP: routes, formats, Prefer, claims, documentation.

Spec: https://hl7.org/fhir/R4/operations.html
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_api.operations.operation import Level
from fhir_api.operations.table import OPERATIONS
from fhir_api.rest.operating import routes
from tests.fhir_api.rest.conftest import JSON
from tests.support.outcomes import issue_code, outcome

PAGES = Path(__file__).parents[3] / "docs" / "operations"
ROUTES = routes(OPERATIONS)


def page(code):
    return (PAGES / f"{code}.md").read_text()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.definition.url.rpartition("/")[2])
def test_every_operation_has_its_page(operation):
    text = page(operation.code)
    assert operation.definition.url in text
    for parameter in operation.definition.parameters:
        if parameter.use == "in":
            assert f"`{parameter.name}`" in text


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_documented(route):
    assert f"`{route.method} {route.path}`" in page(route.path.rpartition("$")[2])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.definition.url.rpartition("/")[2])
def test_it_is_listed(operation):
    assert f"({operation.code}.md)" in (PAGES / "README.md").read_text()


async def test_every_claim_is_kept(client):
    """Each operation that the CapabilityStatement names answers at its URL: never 'there is no operation'."""
    rest = (await client.get("/metadata")).json()["rest"][0]
    claimed = [("", each) for each in rest["operation"]]
    claimed += [(resource["type"], each) for resource in rest["resource"] for each in resource.get("operation", [])]
    definitions = {operation.definition.url: operation for operation in OPERATIONS}
    seen = set()
    for resource_type, claim in claimed:
        operation = definitions[claim["definition"]]
        assert claim["name"] == operation.code
        seen.add(claim["definition"])
        if resource_type not in ("", "Patient", "Observation", "Composition", "Encounter", "Group", "ValueSet"):
            continue
        for path in paths(operation, resource_type):
            response = await client.post(path, content=b'{"resourceType":"Parameters"}', headers=JSON)
            told = response.text if response.status_code == 404 else ""
            assert "no operation" not in told, path
            assert response.status_code != 405, path
            assert response.status_code < 500, path
    assert seen == set(definitions)


def paths(operation, resource_type):
    if not resource_type:
        return [f"/${operation.code}"]
    found = {
        Level.TYPE: f"/{resource_type}/${operation.code}",
        Level.INSTANCE: f"/{resource_type}/x/${operation.code}",
    }
    return [path for level, path in found.items() if level in operation.levels]


async def test_types_that_the_definition_does_not_name_are_not_claimed(client):
    rest = (await client.get("/metadata")).json()["rest"][0]
    claims = {each["type"]: {op["name"] for op in each["operation"]} for each in rest["resource"]}
    assert "everything" in claims["Patient"]
    assert "everything" not in claims["Observation"]
    assert "lastn" not in claims["Patient"]
    assert all({"validate", "meta", "meta-add", "meta-delete"} <= names for names in claims.values())


async def test_head_is_get_without_a_body(client, store):
    await store("Patient", "a")
    got, head = await client.get("/Patient/a/$meta"), await client.head("/Patient/a/$meta")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))


async def test_formats(client, store):
    await store("Patient", "a")
    xml = await client.get("/Patient/a/$meta", headers={"accept": "application/fhir+xml"})
    assert xml.headers["content-type"] == "application/fhir+xml;charset=utf-8"
    assert b"<Parameters" in xml.content
    pretty = await client.get("/Patient/a/$everything?_format=json&_pretty=true")
    assert b"\n" in pretty.content
    assert (await client.get("/Patient/a/$meta?_format=turtle")).status_code == 406


async def test_parameters_in_xml(client, store):
    await store("Patient", "a")
    body = (
        b'<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="meta"/><valueMeta><tag>'
        b'<system value="http://x"/><code value="red"/></tag></valueMeta></parameter></Parameters>'
    )
    response = await client.post("/Patient/a/$meta-add", content=body, headers={"content-type": "application/fhir+xml"})
    assert response.json()["parameter"][0]["valueMeta"]["tag"] == [{"system": "http://x", "code": "red"}]


@pytest.mark.parametrize(
    ("body", "status", "code", "expression"),
    [
        ({"resourceType": "Patient"}, 400, "not-supported", "Patient"),
        ({"resourceType": "Parameters", "parameter": [{"valueString": "x"}]}, 400, None, "Parameters.parameter[0]"),
        ({"resourceType": "Parameters", "x": 1}, 400, "structure", "Parameters.x"),
        (
            {"resourceType": "Parameters", "parameter": [{"name": "x", "valueString": "x"}]},
            400,
            "not-supported",
            "Parameters.parameter[0].name",
        ),
        (
            {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueString": "x"}]},
            400,
            "structure",
            "Parameters.parameter[0]",
        ),
    ],
)
async def test_bodies_that_are_not_understood(client, store, body, status, code, expression):
    await store("Patient", "a")
    response = await client.post("/Patient/a/$meta-add", json=body, headers=JSON)
    assert response.status_code == status
    assert code is None or issue_code(response) == code
    assert outcome(response)["issue"][0]["expression"][0].startswith(expression)


async def test_other_media_types_are_refused(client, store):
    await store("Patient", "a")
    response = await client.post("/Patient/a/$meta-add", content=b"x", headers={"content-type": "text/plain"})
    assert response.status_code == 415


async def test_lenient_handling_leaves_out_what_is_not_known(client, store):
    await store("Patient", "a")
    response = await client.get("/Patient/a/$meta?x=1", headers={"prefer": "handling=lenient"})
    assert response.status_code == 200
    asynchronous = await client.get("/Patient/a/$everything", headers={"prefer": "respond-async"})
    assert (asynchronous.status_code, issue_code(asynchronous)) == (400, "not-supported")


async def test_an_operation_that_is_not_here(client):
    response = await client.get("/Patient/$nonsense")
    assert (response.status_code, issue_code(response)) == (404, "not-supported")
