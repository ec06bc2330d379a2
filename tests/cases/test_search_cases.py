"""The rules of the specification's search pages, one case each, by section: tests/cases/search/*.yaml.

A case names a search and the ids it finds (``ordered: true``: in that order), what it includes, its total, or the code
of the refusal. ``has`` and ``lacks`` name properties of each resource that is found, ``included_has`` of each that is
included, ``full_urls`` the addresses of all entries below the base, ``tagged`` a tag and ``score`` the score of each
that is found. ``form`` is sent by POST; ``used`` and ``unused`` are parts of the self link; ``warned`` is the code of a
warning.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from fhir_api.app import Application
from tests.fhir_api.rest.conftest import JSON, app_on_memory, app_on_postgres
from tests.support.applications import BASE

__all__ = ["app_on_memory", "app_on_postgres"]

FILES = sorted((Path(__file__).parent / "search").glob("*.yaml"))
FORM = {"content-type": "application/x-www-form-urlencoded"}
CASES = {path.stem: yaml.safe_load(path.read_text()) for path in FILES}


@pytest.fixture(params=[(store, section) for store in ("memory", "postgres") for section in CASES], ids="-".join)
async def section(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, httpx.AsyncClient]]:
    """A section, and a client of a server that holds its resources."""
    store, name = request.param
    application: Application = request.getfixturevalue(f"app_on_{store}")
    await application.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url=f"{BASE}/") as client:
        for resource in CASES[name]["resources"]:
            url = f"{resource['resourceType']}/{resource['id']}"
            answer = await client.put(url, json=resource, headers=JSON)
            assert answer.status_code == 201, answer.text
        yield name, client
    await application.stop()


async def test_every_case_of_the_section(section: tuple[str, httpx.AsyncClient]) -> None:
    name, client = section
    failures = {}
    for case in CASES[name]["cases"]:
        try:
            await judge(client, case)
        except AssertionError as failure:
            failures[case["name"]] = str(failure)
    assert not failures


async def judge(client: httpx.AsyncClient, case: dict[str, Any]) -> None:
    """Carry out one case."""
    headers = {"prefer": f"handling={'lenient' if case.get('lenient') else 'strict'}"}
    url = case["search"].replace("{base}", BASE)
    if "form" in case:
        answer = await client.post(url, content=case["form"], headers={**headers, **FORM})
    else:
        answer = await client.get(url, headers=headers)
    body = answer.json()
    if "refused" in case:
        assert answer.status_code // 100 == 4, answer.text
        assert body["issue"][0]["code"] == case["refused"]
        return
    assert answer.status_code == 200, answer.text
    matches = [entry["resource"] for entry in body.get("entry", []) if entry["search"]["mode"] == "match"]
    included = [entry["resource"] for entry in body.get("entry", []) if entry["search"]["mode"] == "include"]
    found = [resource["id"] for resource in matches]
    if "finds" in case:
        in_order = case.get("ordered", False)
        assert (found if in_order else sorted(found)) == (case["finds"] if in_order else sorted(case["finds"]))
    assert sorted(resource["id"] for resource in included) == sorted(case.get("includes", []))
    assert all(set(case.get("included_has", [])) <= resource.keys() for resource in included)
    full_urls = [entry["fullUrl"].removeprefix(f"{BASE}/") for entry in body.get("entry", []) if "fullUrl" in entry]
    assert sorted(case.get("full_urls", full_urls)) == sorted(full_urls)
    if "score" in case:
        assert {entry["search"].get("score") for entry in body["entry"]} == {case["score"]}
    if "total" in case:
        assert body["total"] == case["total"]
    for resource in matches:
        assert set(case.get("has", [])) <= resource.keys()
        assert resource.keys().isdisjoint(case.get("lacks", []))
        tags = [tag["code"] for tag in resource.get("meta", {}).get("tag", [])]
        assert case.get("tagged") in {None, *tags}
    judge_beside(body, case)


def judge_beside(body: dict[str, Any], case: dict[str, Any]) -> None:
    """Judge what is told beside the resources: the self link, and warnings."""
    used = next(link["url"] for link in body["link"] if link["relation"] == "self")
    assert all(part in used for part in case.get("used", []))
    assert not any(part in used for part in case.get("unused", []))
    outcomes = [entry["resource"] for entry in body.get("entry", []) if entry["search"]["mode"] == "outcome"]
    warned = [issue["code"] for outcome in outcomes for issue in outcome["issue"]]
    assert warned == ([case["warned"]] if "warned" in case else warned if case.get("lenient") else [])
