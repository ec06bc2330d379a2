"""The GraphQL cases of HL7, on the resources they name.

Spec: https://hl7.org/fhir/R4/graphql.html
"""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from lxml import etree

from fhir_api.operations.graphql.budget import Budget
from fhir_api.operations.graphql.document import read_document
from fhir_api.operations.graphql.execution import execute
from fhir_api.operations.graphql.records import Missing, Records, Search
from fhir_api.operations.graphql.request import Request
from fhir_api.operations.graphql.tree import QUERY, Element, Members
from tests.support.bundles import FHIR
from tests.support.examples import official_examples

CASES = Path(__file__).parents[3] / "../shared/data/graphql-r4"


@pytest.fixture(scope="module")
def cases() -> list[dict[str, str]]:
    path = CASES / "manifest.xml"
    if not path.exists():
        pytest.skip("the GraphQL cases are not beside the repository (../shared/data/graphql-r4)")
    found = [{str(key): str(value) for key, value in node.attrib.items()} for node in etree.parse(path).iter("test")]
    assert len(found) == 29
    return found


LONG = {
    "resourceType": "List",
    "id": "example-long",
    "status": "current",
    "mode": "working",
    "entry": [{"item": {"reference": f"Patient/{number}"}} for number in [*"abcde", *range(1, 8)]],
}
WANTED = {
    "Patient/example",
    "Patient/xds",
    "Observation/example",
    "Observation/20minute-apgar-score",
    "Condition/example",
    "MedicationDispense/meddisp008",
    "List/example-long",
}


VARIABLES = {"var": True}
NOT_HERE = {"search-full"}
"""It shows the paging of another server; see the test of its shape below."""


async def put(client: httpx.AsyncClient, names: set[str]) -> None:
    """Store resources, the first of the official ones last: a search shows the newest first."""
    for resource in [LONG, *reversed(official_examples())]:
        url = f"/{resource['resourceType']}/{resource['id']}"
        if url[1:] in names:
            response = await client.put(url, content=json.dumps(resource), headers=FHIR)
            assert response.status_code == 201, response.text


@pytest.fixture
async def stored(client: httpx.AsyncClient) -> None:
    """Store what the cases ask about, and not what they want to be missing."""
    await put(client, WANTED)


@pytest.mark.usefixtures("stored")
async def test_every_case(client: httpx.AsyncClient, cases: list[dict[str, str]]) -> None:
    for case in sorted(cases, key=lambda case: "Patient/glossy" in case["context"]):
        if case["name"] in NOT_HERE:
            continue
        if case["name"] == "extension-complex":
            await put(client, {"Patient/glossy"})
        query = (CASES / case["source"]).read_text()
        body = {"query": query, "operationName": case.get("operation"), "variables": VARIABLES}
        url = "/" + (case["context"] or "$graphql")
        response = await client.post(url, content=json.dumps(body), headers={"content-type": "application/json"})
        if case["output"] == "$error":
            assert response.status_code == 400, case["name"]
            assert response.json()["errors"][0]["message"]
        else:
            expected = json.loads((CASES / case["output"]).read_text())
            assert response.json() == {"data": expected}, case["name"]


@pytest.mark.usefixtures("stored")
async def test_the_cases_of_a_server(client: httpx.AsyncClient) -> None:
    path = CASES / "server-tests.json"
    if not path.exists():
        pytest.skip("the GraphQL cases are not beside the repository (../shared/data/graphql-r4)")
    tests = json.loads(path.read_text())
    for case in [*tests["instance-tests"].values(), *tests["root-tests"].values()]:
        place, _, query = case["url"].partition("?query=")
        response = await client.get(place, params={"query": query})
        assert (response.status_code, response.json()) == (200, case["output"])


class AnotherServer(Records):
    """The one search of the case, answered as the case wants it."""

    def __init__(self) -> None:
        self.budget = Budget()

    def connection(self, search: Search) -> Members | Missing:
        assert (search.resource_type, search.pairs, search.has_total) == ("Patient", (("active", "true"),), True)
        edges = [
            {"resource": {"resourceType": "Patient", "id": "example", "active": True}},
            {"mode": "match", "score": 0.5, "resource": {"resourceType": "Patient", "id": "xds", "active": True}},
        ]
        following = "77c97e03-8a6c-415f-a63d-11c80cf73f:50"
        return {"count": 50, "offset": 0, "pagesize": 50, "edges": edges, "next": following}

    async def fetch(self) -> bool:
        return False


async def test_a_connection_has_the_shape_of_the_case(cases: list[dict[str, str]]) -> None:
    (case,) = [case for case in cases if case["name"] in NOT_HERE]
    document = read_document(Request((CASES / case["source"]).read_text(), None, {}))
    found = await execute(document, Element({}, QUERY, {}), AnotherServer())
    assert found == json.loads((CASES / case["output"]).read_text())
