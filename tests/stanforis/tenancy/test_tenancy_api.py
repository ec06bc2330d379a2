"""Tenants looked after on HTTP."""

from __future__ import annotations

import httpx
import pytest
from fastapi import Request
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.tenancy.api import create_application
from stanforis.tenancy.contexts import Contexts
from stanforis.tenancy.registry import Registry
from stanforis.transport.refusals import NotAllowedError


async def check(request: Request) -> None:
    authorization = request.headers.get("authorization")
    if authorization is None:
        raise NotAllowedError(401, "An access token is needed.", "Bearer")
    if authorization != "Bearer admin" and request.method != "GET":
        raise NotAllowedError(403, "The role administrator is needed.")


def speaking(registry: Registry, token: str = "admin") -> httpx.AsyncClient:  # noqa: S107 - a word of tests
    transport = httpx.ASGITransport(app=create_application(registry, check))
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=transport, base_url="http://admin", headers=headers)


async def test_a_tenants_life(registry, slug):
    async with speaking(registry) as client:
        made = await client.post("/tenants", json={"slug": slug, "name": "North", "languages": ["rw"]})
        assert (made.status_code, made.json()["state"]) == (201, "trial")
        changed = await client.patch(f"/tenants/{slug}", json={"plan": "clinic"})
        assert (changed.json()["plan"], changed.json()["name"]) == ("clinic", "North")
        states = [(await client.post(f"/tenants/{slug}/{verb}")).json()["state"]
                  for verb in ("activate", "suspend", "resume", "suspend", "export")]  # fmt: skip
        assert states == ["active", "suspended", "active", "suspended", "exported"]
        shown = (await client.get(f"/tenants/{slug}")).json()
        assert shown["used"] == {"requests": 0, "resources": 0, "bytes": 0}
        assert slug in {each["slug"] for each in (await client.get("/tenants")).json()}
        assert {"unlimited", "trial"} <= {each["name"] for each in (await client.get("/plans")).json()}


async def test_what_cannot_be_done_is_told(registry, slug):
    async with speaking(registry) as client:
        await client.post("/tenants", json={"slug": slug})
        answers = [
            await client.post("/tenants", json={"slug": slug}),
            await client.post(f"/tenants/{slug}/export"),
            await client.get("/tenants/nobody"),
            await client.post("/tenants", json={"slug": "No Good"}),
            await client.patch(f"/tenants/{slug}", json={"plan": "golden"}),
            await client.patch(f"/tenants/{slug}", json={"state": "active"}),
            await client.post("/tenants", content=b"{"),
        ]
    assert [answer.status_code for answer in answers] == [409, 409, 404, 422, 422, 422, 422]
    assert all(isinstance(answer.json()["detail"], str) for answer in answers)
    assert answers[5].json()["detail"] == "state: Extra inputs are not permitted"
    assert all(answer.headers["cache-control"] == "no-store" for answer in answers)


@pytest.mark.parametrize(("token", "status"), [("", 401), ("reader", 403)])
async def test_who_may_not_does_nothing(registry, slug, token, status):
    async with speaking(registry, token) as client:
        refused = await client.post("/tenants", json={"slug": slug})
        assert refused.status_code == status
        assert (await client.get("/openapi.json")).status_code == (401 if not token else 200)
    async with speaking(registry) as client:
        assert (await client.get(f"/tenants/{slug}")).status_code == 404
        assert "/tenants/{slug}/suspend" in (await client.get("/openapi.json")).json()["paths"]


async def test_a_name_that_no_database_keeps_is_that_of_nobody(registry):
    async with speaking(registry) as client:
        assert (await client.get("/tenants/%00")).status_code == 404
        assert (await client.patch("/tenants/a%00", json={"name": "x"})).status_code == 404
        assert (await client.post("/tenants/%00/suspend")).status_code == 404


async def test_a_database_that_is_away_is_told():
    pool = Pool(PoolOptions("postgresql://nobody@127.0.0.1:1/none", acquire_seconds=0.3))
    async with speaking(Registry(pool, Contexts(bytes(32)))) as client:
        answer = await client.get("/tenants")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
