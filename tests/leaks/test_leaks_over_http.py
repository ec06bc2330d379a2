"""No request to one tenant shows, changes or betrays anything of another: every route, every pair of tenants."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from fhir_api.rest.routes import ROUTES
from fhir_api.rest.wiring import Route
from tests.leaks.conftest import JSON, House

TYPES = {
    "$expand": "ValueSet", "$validate-code": "ValueSet", "$lookup": "CodeSystem", "$subsumes": "CodeSystem",
    "$translate": "ConceptMap", "$document": "Composition", "$lastn": "Observation",
}  # fmt: skip


def target(route: Route, house: House, name: str) -> str:
    """Return the URL of a route below *house*'s base that asks for what has the id *name*."""
    own = TYPES.get(route.path.rpartition("/")[2], "Patient")
    path = route.path.replace("{type}", own, 1).replace("{type}", "Observation")
    path = path.replace("{id}", name).replace("{version}", "1")
    return house.base + ("" if path == "/" else path)


def query(route: Route, family: str, name: str) -> dict[str, str]:
    """Return parameters that would find what another tenant has."""
    operation = route.path.rpartition("/")[2]
    if operation == "$graphql":
        return {"query": "{address{line}}" if "{id}" in route.path else f'{{Patient(id:"{name}"){{address{{line}}}}}}'}
    found = {
        "$expand": {"url": f"http://sets.example.org/{name}"},
        "$validate-code": {"url": f"http://sets.example.org/{name}", "code": "x", "system": "http://codes.example.org"},
        "$lookup": {"system": f"http://codes.example.org/{name}", "code": family},
        "$subsumes": {"system": f"http://codes.example.org/{name}", "codeA": family, "codeB": family},
        "$lastn": {"subject": f"Patient/{name}", "category": "x"},
    }
    if operation.startswith("$"):
        return found.get(operation, {})
    if route.interaction in ("conditional-update", "conditional-patch", "conditional-delete"):
        return {"identifier": f"http://ids.example.org|{name}"}
    return {"_id": name} if route.interaction.startswith("search") else {}


def body(route: Route, family: str, name: str) -> tuple[Any, dict[str, str]]:
    """Return what is sent along, and its headers."""
    match route.takes:
        case "bundle":
            entries = [
                {"request": {"method": "GET", "url": f"Patient/{name}"}},
                {"request": {"method": "GET", "url": f"Patient?family={family}&_revinclude=Observation:subject"}},
                {"request": {"method": "GET", "url": f"Observation?subject.identifier=http://ids.example.org|{name}"}},
                {"request": {"method": "GET", "url": f"Patient/{name}/_history"}},
            ]
            return {"resourceType": "Bundle", "type": "batch", "entry": entries}, JSON
        case "resource":
            return {"resourceType": "Patient", "active": True} | ({"id": name} if "{id}" in route.path else {}), JSON
        case "patch":
            return [{"op": "add", "path": "/active", "value": True}], {"content-type": "application/json-patch+json"}
        case "operation":
            parameters = [{"name": key, "valueString": value} for key, value in query(route, family, name).items()]
            return {"resourceType": "Parameters"} | ({"parameter": parameters} if parameters else {}), JSON
    return None, {}


async def ask(client: httpx.AsyncClient, route: Route, house: House, family: str, name: str) -> httpx.Response:
    """Send the request of *route* for *name* to *house*."""
    url, asked = target(route, house, name), query(route, family, name)
    if route.takes == "form":
        return await client.post(url, data=asked)
    content, headers = body(route, family, name)
    sent = None if route.takes == "operation" else asked
    return await client.request(route.method, url, params=sent, json=content, headers=headers)


async def leaks(client: httpx.AsyncClient, mine: House, other: House) -> list[str]:
    """Return the requests to *mine* that give something of *other* away."""
    found = []
    never = f"never-{mine.number}-{other.number}"
    for route in ROUTES:
        answer = await ask(client, route, mine, other.family, other.only)
        nothing = await ask(client, route, mine, "Nobody", never)
        if other.secret in answer.text:
            found.append(f"{route.method} {route.path} shows it")
        elif answer.status_code != nothing.status_code:
            found.append(f"{route.method} {route.path} tells {answer.status_code} from {nothing.status_code}")
        elif answer.status_code >= 500:
            found.append(f"{route.method} {route.path} failed")
    return found


SEARCHES = [
    "Patient?family={family}", "Patient?_id={only}", "Patient?address={secret}", "Patient?_lastUpdated=gt2000",
    "Patient?_revinclude=*&_count=50", "Observation?_include=*&_count=50", "Observation?subject.family={family}",
    "Observation?subject=Patient/{only}", "Patient?_has:Observation:subject:status=final", "?_type=Patient,Observation",
    "Patient?name:contains={family}", "Patient?identifier=http://ids.example.org|{only}", "Patient?_text={secret}",
    "Observation?code=http://codes.example.org|{secret}", "Observation?code={secret}", "Observation?value-quantity=7",
    "Observation?code:text={secret}", "ValueSet?url=http://sets.example.org/{only}", "Patient/shared/*",
    "Patient/shared/$everything", "Patient/{only}/$everything", "Patient?_sort=family&_total=accurate",
    "Patient?_summary=count&family={family}", "Observation?patient={only}&_include=Observation:subject",
    "Patient?_list={only}", "_history", "Patient/_history", "Patient/shared/_history", "Patient?_content={secret}",
    "Observation?subject.organization.name={family}", "Patient?_elements=address", "Observation?date=2026-01-02",
    "Patient?_filter=family eq {family}", "Patient?_filter=not(_id eq shared)", "Patient?_contained=both",
    "Observation?_include:iterate=*&_revinclude=*", "Patient?_has:Observation:subject:_id={only}",
]  # fmt: skip


async def found_by_searching(client: httpx.AsyncClient, mine: House, other: House) -> list[str]:
    """Return the searches in *mine* that give something of *other* away."""
    found = []
    for search in SEARCHES:
        url = f"{mine.base}/{search}".format(family=other.family, only=other.only, secret="Se" + other.secret[2:])
        answer = await client.get(url)
        told = answer.text.replace(str(answer.url), "")
        shown = any(other.secret in str(entry.get("resource")) for entry in _entries(answer))
        if shown or (other.secret in told and "{secret}" not in search):
            found.append(search)
    return found


def _entries(answer: httpx.Response) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = answer.json().get("entry", [])
    return entries


async def state_of(client: httpx.AsyncClient, house: House) -> str:
    """Return all versions of everything a tenant has."""
    return str(_entries(await client.get(f"{house.base}/_history?_count=500")))


async def test_no_route_leads_to_another_tenant(client, houses) -> None:
    before = {house.number: await state_of(client, house) for house in houses}
    for mine, other in permutations(houses, 2):
        was = await state_of(client, other)
        assert await leaks(client, mine, other) == []
        assert await state_of(client, other) == was
    assert all(house.secret in before[house.number] for house in houses)


async def test_no_search_finds_what_another_tenant_has(client, houses) -> None:
    for mine, other in permutations(houses, 2):
        assert await found_by_searching(client, mine, other) == []


async def test_wrong_wiring_would_be_found(app: Any, client, houses) -> None:
    mine, other, _ = houses
    contexts, theirs = app._contexts.of(mine.number), app._contexts.of(other.number)
    contexts._default = replace(contexts._default, store=theirs._default.store)
    contexts._known.clear()
    assert len(await found_by_searching(client, mine, other)) > len(SEARCHES) / 2
    found = await leaks(client, mine, other)
    assert sum("shows it" in each for each in found) > 5
    assert sum("tells" in each for each in found) > 5


async def test_a_cursor_of_one_tenant_is_worth_nothing_to_another(client, houses) -> None:
    mine, other, _ = houses
    for search in ("Patient?_count=1", "Observation?_count=1&_sort=date", "_history?_count=1"):
        page = (await client.get(f"{other.base}/{search}")).json()
        following = next(link["url"] for link in page["link"] if link["relation"] == "next")
        assert (await client.get(following)).status_code == 200
        stolen = await client.get(f"/t/{mine.number}/fhir" + following.partition("/fhir")[2])
        assert stolen.status_code == 400
        assert other.secret not in stolen.text


async def test_conditional_writes_meet_no_other_tenant(client, houses) -> None:
    mine, other, _ = houses
    asked = f"identifier=http://ids.example.org|{other.only}"
    created = await client.post(
        f"{mine.base}/Patient", json={"resourceType": "Patient"}, headers=JSON | {"if-none-exist": asked}
    )
    assert created.status_code == 201
    entry = {"resource": {"resourceType": "Patient"}, "request": {"method": "PUT", "url": f"Patient?{asked}"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    answer = await client.post(mine.base, json=bundle, headers=JSON)
    assert answer.json()["entry"][0]["response"]["status"].startswith("201")
    assert (await client.delete(f"{mine.base}/Patient?family={other.family}")).status_code in (204, 404)
    assert (await client.get(f"{other.base}/Patient/{other.only}")).json()["address"][0]["line"] == [other.secret]


@pytest.mark.parametrize("header", ["x-di-tenant", "x-tenant", "x-forwarded-prefix", "x-original-url", "host"])
async def test_no_header_names_another_tenant(client, houses, header) -> None:
    mine, other, _ = houses
    answer = await client.get(f"{mine.base}/Patient/{other.only}", headers={header: other.base})
    assert (answer.status_code, other.secret in answer.text) == (404, False)
