"""Search parameters that a tenant defines, over REST: told, refused with reasons, live without a restart."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

URL = "http://example.org/SearchParameter/nickname"
JSON = {"content-type": "application/fhir+json"}


def search_parameter(**elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter",
        "id": "nickname",
        "url": URL,
        "name": "Nickname",
        "status": "active",
        "description": "For tests.",
        "code": "nickname",
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.name.where(use = 'nickname').given",
    } | elements


def patient(logical_id: str, nickname: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": logical_id, "name": [{"use": "nickname", "given": [nickname]}]}


async def put(client: httpx.AsyncClient, tree: dict[str, Any], status: int = 201, **headers: str) -> Any:
    response = await client.put(f"/{tree['resourceType']}/{tree['id']}", json=tree, headers=JSON | headers)
    assert response.status_code == status, response.text
    return response.json() if response.content else None


async def state_of(client: httpx.AsyncClient, code: str = "nickname") -> dict[str, Any]:
    """Return the parts of the parameter in ``$reindex-status``."""
    found = (await client.get("/$reindex-status")).json().get("parameter", [])
    for each in found:
        parts = {part["name"]: next(value for name, value in part.items() if name != "name") for part in each["part"]}
        if each["name"] == "parameter" and parts["code"] == code:
            return parts
    return {"state": "unknown"}


async def until(client: httpx.AsyncClient, state: str, code: str = "nickname") -> None:
    """Wait until the background work has come to *state*."""
    async with asyncio.timeout(30):
        while (await state_of(client, code))["state"] != state:  # noqa: ASYNC110 - the server tells by being asked only
            await asyncio.sleep(0.05)


async def ids(client: httpx.AsyncClient, url: str) -> list[str]:
    response = await client.get(url)
    assert response.status_code == 200, response.text
    return [entry["resource"]["id"] for entry in response.json().get("entry", [])]


def diagnostics(response: httpx.Response) -> str:
    return " ".join(issue["diagnostics"] for issue in response.json()["issue"])


async def test_it_becomes_live_and_is_told(client: httpx.AsyncClient) -> None:
    await put(client, patient("a", "Kiki"))
    refused = await client.get("/Patient?nickname=kiki")
    assert refused.status_code == 400
    await put(client, search_parameter())
    await until(client, "live")
    await put(client, patient("b", "Kiki"))
    assert sorted(await ids(client, "/Patient?nickname=kiki")) == ["a", "b"]
    (rest,) = (await client.get("/metadata")).json()["rest"]
    (of_patient,) = (each for each in rest["resource"] if each["type"] == "Patient")
    assert {"name": "nickname", "definition": URL, "type": "string"} in of_patient["searchParam"]


async def test_before_it_is_live_a_search_by_it_is_refused_with_the_reason(client: httpx.AsyncClient) -> None:
    await put(client, search_parameter())
    seen = set()
    async with asyncio.timeout(30):
        while (response := await client.get("/Patient?nickname=kiki")).status_code != 200:
            seen.add(diagnostics(response).partition(":")[0])
            await asyncio.sleep(0)
    assert seen


async def test_a_retired_one_is_refused_at_once(client: httpx.AsyncClient) -> None:
    await put(client, search_parameter())
    await until(client, "live")
    assert await ids(client, "/Patient?nickname=kiki") == []
    await put(client, search_parameter(status="retired"), 200)
    response = await client.get("/Patient?nickname=kiki")
    assert response.status_code == 400
    assert "'nickname'" in diagnostics(response)
    assert URL not in str((await client.get("/metadata")).json())
    lenient = await client.get("/Patient?nickname=kiki", headers={"prefer": "handling=lenient"})
    assert lenient.status_code == 200


async def test_conditional_interactions_know_it(client: httpx.AsyncClient) -> None:
    await put(client, patient("a", "Kiki"))
    await put(client, search_parameter())
    await until(client, "live")
    response = await client.post(
        "/Patient", json=patient("x", "Kiki"), headers=JSON | {"if-none-exist": "nickname=kiki"}
    )
    assert (response.status_code, response.json()["id"]) == (200, "a")
    assert (await client.delete("/Patient?nickname=kiki")).status_code in (200, 204)
    assert await ids(client, "/Patient?nickname=kiki") == []


@pytest.mark.parametrize(
    ("elements", "place", "said"),
    [
        ({"expression": "Patient.gender", "type": "date"}, "SearchParameter.expression", "type 'date'"),
        ({"type": "special"}, "SearchParameter.type", "special"),
        ({"expression": "Patient.birthDate > today()"}, "SearchParameter.expression", "today()"),
        ({"expression": "Patient.generalPractitioner.resolve().name"}, "SearchParameter.expression", "resolve()"),
        ({"code": "_nickname"}, "SearchParameter.code", "letters"),
    ],
)
async def test_what_cannot_be_indexed_is_refused_by_its_element(
    client: httpx.AsyncClient, elements: dict[str, Any], place: str, said: str
) -> None:
    response = await client.put("/SearchParameter/nickname", json=search_parameter(**elements), headers=JSON)
    assert response.status_code == 422
    (issue,) = response.json()["issue"]
    assert (issue["severity"], issue["expression"]) == ("error", [place])
    assert said in issue["diagnostics"]


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"code": "birthdate"}, "R4 itself has a parameter 'birthdate'"),
        ({"base": ["Patient", "Observation"]}, "not searched by on Observation"),
        ({"modifier": ["above"]}, "no modifier ':above'"),
        ({"status": "draft"}, "only an active search parameter"),
    ],
)
async def test_what_is_left_out_is_told(client: httpx.AsyncClient, elements: dict[str, Any], said: str) -> None:
    told = await put(client, search_parameter(**elements), prefer="return=OperationOutcome")
    assert said in " ".join(issue["diagnostics"] for issue in told["issue"])


async def test_a_refused_one_is_named_with_its_reason(client: httpx.AsyncClient) -> None:
    await put(client, search_parameter(code="family"))
    await put(client, search_parameter(id="draft", url=f"{URL}-draft", status="draft"))
    await until(client, "refused")
    response = await client.get("/Patient?nickname=kiki")
    assert response.status_code == 400
    assert "only an active" in diagnostics(response)
    assert (await state_of(client, "family"))["reason"].endswith("R4 itself has a parameter 'family'.")


async def test_reindex_by_each_of_its_parameters(client: httpx.AsyncClient) -> None:
    await put(client, patient("a", "Kiki"))
    await put(client, search_parameter())
    await until(client, "live")
    for asked in ([("url", "valueUri", URL)], [("type", "valueCode", "Patient")],
                  [("type", "valueCode", "Patient"), ("code", "valueCode", "nickname")],
                  [("type", "valueCode", "Patient"), ("code", "valueCode", "birthdate")]):  # fmt: skip
        parameters = [{"name": name, kind: value} for name, kind, value in asked]
        response = await client.post("/$reindex", json={"resourceType": "Parameters", "parameter": parameters})
        assert response.status_code == 202, response.text
        number = response.json()["parameter"][0]["valueInteger"]
        async with asyncio.timeout(30):
            while '"done"' not in (text := (await client.get(f"/$reindex-status?job={number}")).text):
                await asyncio.sleep(0.05)
                assert '"failed"' not in text
        await until(client, "live")
        assert await ids(client, "/Patient?nickname=kiki") == ["a"]
    assert (await client.post("/Patient/$reindex")).status_code == 202


async def test_reindex_of_one_resource(client: httpx.AsyncClient) -> None:
    await put(client, patient("a", "Kiki"))
    response = await client.post("/Patient/a/$reindex")
    assert response.status_code == 200
    (entries,) = response.json()["parameter"]
    assert entries["valueInteger"] > 0
    assert (await client.post("/Patient/none/$reindex")).status_code == 404


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ([], 400),
        ([{"name": "type", "valueCode": "Patients"}], 400),
        ([{"name": "code", "valueCode": "birthdate"}], 400),
        ([{"name": "url", "valueUri": "http://example.org/none"}], 404),
    ],
)
async def test_reindex_of_what_is_not_here(client: httpx.AsyncClient, parameters: list[Any], status: int) -> None:
    body = {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})}
    response = await client.post("/$reindex", json=body)
    assert response.status_code == status


async def test_the_status_of_no_job(client: httpx.AsyncClient) -> None:
    assert (await client.get("/$reindex-status?job=4711")).status_code == 404
