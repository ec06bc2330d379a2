"""No route tells a hidden resource from one that never was."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from httpx import AsyncClient, Response

from fhir_api.rest.routes import ROUTES
from fhir_api.rest.wiring import Route

pytestmark = [
    pytest.mark.usefixtures("two_patients"),
    pytest.mark.parametrize("app", ["memory"], indirect=True),
]
PATCH = [{"op": "replace", "path": "/status", "value": "amended"}]
BODIES: dict[str, Any] = {"PATCH": PATCH, "POST": {"resourceType": "Parameters"}}
# an id that is taken cannot be created: see docs/access-decisions.md
OF_AN_INSTANCE = [route for route in ROUTES if "/{type}/{id}" in route.path and route.method != "PUT"]
_TAKES_A_FORM = re.compile(r"_search$")


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


def url(route: Route, resource_type: str, logical_id: str) -> str:
    path = route.path.replace("{type}", resource_type, 1).replace("{id}", logical_id).replace("{version}", "1")
    return path.replace("{type}", "Observation")


async def ask(client: AsyncClient, route: Route, resource_type: str, logical_id: str) -> Response:
    options: dict[str, Any] = {}
    if _TAKES_A_FORM.search(route.path):
        options["data"] = {"_count": "5"}
    elif route.method in BODIES:
        kind = "application/json-patch+json" if route.method == "PATCH" else "application/fhir+json"
        options = {"content": json.dumps(BODIES[route.method]), "headers": {"content-type": kind}}
    return await client.request(route.method, url(route, resource_type, logical_id), **options)


def told(response: Response, logical_id: str) -> tuple[int, str]:
    text = re.sub(r'"(id|lastUpdated|timestamp)":"[^"]*",?', "", response.text)
    return response.status_code, re.sub(rf"\b{logical_id}\b", "ID", text)


@pytest.mark.parametrize("route", OF_AN_INSTANCE, ids=named)
@pytest.mark.parametrize(("resource_type", "hidden"), [("Observation", "wb"), ("Patient", "b")])
async def test_hidden_and_absent_look_the_same(speak, route, resource_type, hidden):
    of_a = speak("patient/*.cruds", patient="a")
    absent = "zz" if hidden == "wb" else "z"
    assert told(await ask(of_a, route, resource_type, hidden), hidden) == told(
        await ask(of_a, route, resource_type, absent), absent
    )


@pytest.mark.parametrize("route", [route for route in ROUTES if route.path != "/metadata"], ids=named)
async def test_no_route_answers_without_a_token(speak, route):
    response = await ask(speak(), route, "Observation", "wa")
    assert response.status_code == 401


@pytest.mark.parametrize("route", [route for route in ROUTES if route.path != "/metadata"], ids=named)
async def test_a_token_without_scopes_for_resources_reaches_nothing(speak, route):
    response = await ask(speak("openid fhirUser", roles=("owner",)), route, "Observation", "wa")
    assert "Family-" not in response.text
    assert "29463-7" not in response.text
    assert response.status_code >= 400 or route.interaction in ("operation", "transaction", "delete")
