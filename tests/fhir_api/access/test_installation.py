"""All tenants are looked after by administrators of the default tenant, and by nobody else."""

from __future__ import annotations

import pytest

from tests.support.proofs import OTHER, bound, shown

WRITE = "access.read access.write"
NEW = {"slug": "made-by-an-administrator"}
URL = "http://127.0.0.1:8080/admin/installation"


@pytest.fixture
async def app(guarded_on_postgres):
    """The application on PostgreSQL: in memory there is one tenant only."""
    await guarded_on_postgres.start()
    yield guarded_on_postgres
    await guarded_on_postgres.stop()


async def test_an_administrator_adds_and_lists_tenants(speak):
    async with speak(WRITE, roles=("administrator",)) as client:
        assert (await client.post(f"{URL}/tenants", json=NEW)).status_code in (201, 409)
        assert NEW["slug"] in {each["slug"] for each in (await client.get(f"{URL}/tenants")).json()}
        document = (await client.get(f"{URL}/openapi.json")).json()
    assert "/tenants/{slug}/suspend" in document["paths"]


async def test_what_administrators_change_is_on_record(app, speak, monkeypatch):
    kept = []

    async def keep(tenant, record):
        kept.append((tenant, record))

    monkeypatch.setattr(app._installation, "_keep", keep)
    slug = "on-record"
    async with speak(WRITE, roles=("administrator",)) as client:
        await client.get(f"{URL}/tenants")
        made = await client.post(f"{URL}/tenants", json={"slug": slug, "plan": "trial"})
        await client.post(f"{URL}/tenants/{slug}/suspend")
        await client.patch(f"{URL}/tenants/{slug}", json={"plan": "golden"})
    async with speak("access.read", roles=("administrator",)) as client:
        await client.patch(f"{URL}/tenants/{slug}", json={"plan": "clinic"})
    assert made.status_code == 201
    number, target = made.json()["number"], (f"urn:stanforis:tenant:{slug}",)
    records = [record for tenant, record in kept if tenant == 1]
    assert [(each.interaction, each.entities, each.changed, each.status) for each in records] == [
        ("admin-tenant-create", target, ("plan", "slug"), 201),
        ("admin-tenant-suspend", target, (), 200),
        ("admin-tenant-change", target, ("plan",), 422),
        ("admin-tenant-change", target, ("plan",), 403),
    ]
    assert [each.who.client for each in records] == ["app", "app", "app", "app"]
    assert [record.interaction for tenant, record in kept if tenant == number] == [
        "admin-tenant-create",
        "admin-tenant-suspend",
    ]


@pytest.mark.parametrize(
    ("scope", "claims", "status"),
    [
        (None, {}, 401),
        ("system/*.cruds", {"roles": ("administrator",)}, 403),
        ("access.read", {"roles": ("administrator",)}, 403),
        (WRITE, {"roles": ("nurse",)}, 403),
        (WRITE, {"roles": ("administrator",), "tenant": 2, "issuer": "http://127.0.0.1:8080/t/2/auth",
                 "audience": "http://127.0.0.1:8080/t/2/fhir"}, 403),
    ],
)  # fmt: skip
async def test_nobody_else_does(speak, scope, claims, status):
    async with speak(scope, **claims) as client:
        refused = await client.post(f"{URL}/tenants", json={"slug": "smuggled"})
        assert refused.status_code == status
        assert (await client.get(f"{URL}/tenants/smuggled")).status_code in (401, 403, 404)


async def test_a_bound_token_is_shown_with_a_proof(speak, issue):
    token = bound(issue, WRITE, roles=("administrator",))
    url = f"{URL}/tenants"
    for headers, status in (
        (shown(token, url), 200),
        (shown(token, f"{URL}/plans"), 401),
        (shown(token, url, "POST"), 401),
        (shown(token, url, key=OTHER), 401),
        (shown(token, "http://evil.example/admin/installation/tenants") | {"host": "evil.example"}, 401),
        ({"authorization": f"Bearer {token}"}, 401),
        ({"authorization": f"DPoP {token}"}, 401),
    ):
        async with speak(headers=headers) as client:
            answer = await client.get(f"{url}?x=y")
        assert answer.status_code == status
        assert status == 200 or "invalid_token" in answer.headers["www-authenticate"]


async def test_a_token_that_is_not_ours_is_refused(speak):
    async with speak(headers={"authorization": "Bearer a.b.c"}) as client:
        assert (await client.get(f"{URL}/tenants")).status_code == 401
