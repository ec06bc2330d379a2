"""``$validate`` looks at what references lead to on this server, as far as profiles and settings ask for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from fhir_api.app import create_app
from fhir_api.operations import targets
from tests.support.applications import BASE, SETTINGS, open_memory
from tests.support.outcomes import outcome
from tests.support.profiles import profile

JSON = {"content-type": "application/fhir+json"}
NAMED = "http://profiles.test/StructureDefinition/named"
TREATED = "http://profiles.test/StructureDefinition/treated"
EXTENDED = {"url": "http://profiles.test/StructureDefinition/unknown", "valueString": "A"}

Tree = dict[str, Any]
Start = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start the application with settings of ``$validate``; two practitioners are stored, one with a name."""
    started = []

    async def begin(**settings: Any) -> httpx.AsyncClient:
        app = create_app(replace(SETTINGS, **settings), open_stores=open_memory)
        await app.start()
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE)
        started.append((app, client))
        await put(client, {"resourceType": "Practitioner", "id": "with", "active": True, "name": [{"family": "U"}]})
        await put(client, {"resourceType": "Practitioner", "id": "without", "active": False})
        return client

    yield begin
    for app, client in started:
        await client.aclose()
        await app.stop()


async def put(client: httpx.AsyncClient, tree: Tree) -> None:
    response = await client.put(f"/{tree['resourceType']}/{tree['id']}", json=tree, headers=JSON)
    assert response.status_code == 201, response.text


def patient(*practitioners: str, **elements: Any) -> Tree:
    references = [{"reference": each} for each in practitioners]
    return {"resourceType": "Patient", **({"generalPractitioner": references} if references else {}), **elements}


async def told(client: httpx.AsyncClient, tree: Tree) -> list[tuple[str, str]]:
    """Return severity and place of each issue but information and that of a missing narrative."""
    response = await client.post("/Patient/$validate", json=tree, headers=JSON)
    assert response.status_code == 200, response.text
    issues = [each for each in outcome(response)["issue"] if each["severity"] != "information"]
    return [(each["severity"], each["expression"][0]) for each in issues if "dom-6" not in each["diagnostics"]]


@pytest.mark.parametrize("base", ["", f"{BASE}/"])
async def test_profiles_of_targets_are_asked(start: Start, base: str) -> None:
    client = await start()
    pointing = {"type": [{"code": "Reference", "targetProfile": [NAMED]}]}
    await put(client, {**profile("Practitioner", {"name": {"min": 1}}, url=NAMED), "id": "named"})
    await put(client, {**profile("Patient", {"generalPractitioner": pointing}, url=TREATED), "id": "treated"})
    meta = {"profile": [TREATED]}
    practitioners = [f"{base}Practitioner/{each}" for each in ("with", "without", "missing")]
    assert await told(client, patient(*practitioners, meta=meta)) == [("error", "Patient.generalPractitioner[1]")]


async def test_invariants_see_targets(start: Start) -> None:
    client = await start()
    expression = "generalPractitioner.all(resolve().active)"
    rule = {"key": "a-1", "severity": "error", "human": "All are active", "expression": expression}
    await put(client, {**profile("Patient", {"": {"constraint": [rule]}}, url=TREATED), "id": "treated"})
    meta = {"profile": [TREATED]}
    assert await told(client, patient("Practitioner/with", meta=meta)) == []
    assert await told(client, patient("Practitioner/with", "Practitioner/without", meta=meta)) == [("error", "Patient")]


@pytest.mark.parametrize(("setting", "severities"), [("off", []), ("warn", ["warning"]), ("error", ["error"])])
async def test_references_to_what_is_not_stored(start: Start, setting: str, severities: list[str]) -> None:
    client = await start(validate_references=setting)
    tree = patient("Practitioner/missing", "Practitioner/with", "http://elsewhere.test/Practitioner/missing")
    expected = [(severity, "Patient.generalPractitioner[0].reference") for severity in severities]
    assert await told(client, tree) == expected


async def test_more_references_than_are_followed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "MOST", 1)
    client = await start(validate_references="error")
    tree = patient("Practitioner/missing", "Practitioner/absent")
    assert await told(client, tree) == [("error", "Patient.generalPractitioner[0].reference")]
    response = await client.post("/Patient/$validate", json=tree, headers=JSON)
    assert "incomplete" in [each["code"] for each in outcome(response)["issue"]]


@pytest.mark.parametrize(("setting", "severity"), [("warn", "warning"), ("error", "error")])
async def test_extensions_whose_definition_is_missing(start: Start, setting: str, severity: str) -> None:
    client = await start(validate_extensions=setting)
    assert await told(client, patient(extension=[EXTENDED])) == [(severity, "Patient.extension[0]")]
