"""What is asked of a resource that is written, by setting; every way of writing asks it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from fhir_api.app import create_app
from tests.support.applications import BASE, SETTINGS, open_memory
from tests.support.outcomes import outcome

JSON = {"content-type": "application/fhir+json"}
BREAKS_AN_INVARIANT = {"resourceType": "Patient", "contact": [{"gender": "male"}]}
BREAKS_THE_STRUCTURE = {"resourceType": "Patient", "contact": {"gender": "male"}}
SOUND = {"resourceType": "Patient", "active": True}


def transaction(resource: dict[str, Any]) -> dict[str, Any]:
    entry = {"resource": resource, "request": {"method": "POST", "url": "Patient"}}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/Patient", BREAKS_AN_INVARIANT),
        ("PUT", "/Patient/a", {**BREAKS_AN_INVARIANT, "id": "a"}),
        ("POST", "/", transaction(BREAKS_AN_INVARIANT)),
    ],
)
async def test_a_broken_invariant_refuses_the_write(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any]
) -> None:
    response = await client.request(method, path, json=body, headers=JSON)
    assert response.status_code == 400
    (issue,) = outcome(response)["issue"]
    assert [coding["code"] for coding in issue["details"]["coding"]] == ["invariant", "pat-1"]
    assert issue["expression"][0].endswith("contact[0]")


@pytest.mark.parametrize(
    ("setting", "statuses"),
    [("base", (201, 400, 400)), ("structure", (201, 201, 400)), ("none", (201, 201, 201))],
)
async def test_the_setting_says_what_is_asked(setting: str, statuses: tuple[int, ...]) -> None:
    app = create_app(replace(SETTINGS, validation_on_write=setting), open_stores=open_memory)
    await app.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE) as client:
        found = [
            (await client.post("/Patient", json=body, headers=JSON)).status_code
            for body in (SOUND, BREAKS_AN_INVARIANT, BREAKS_THE_STRUCTURE)
        ]
    await app.stop()
    assert tuple(found) == statuses
