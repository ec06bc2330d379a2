"""A token is for one tenant, by whatever name its base is called."""

from __future__ import annotations

import httpx
import pytest
from stanforis.settings import Settings
from stanforis.tenancy.tenants import SlugTakenError, State
from stanforis.transport.shell import Shell

from tests.support.proofs import bound, shown

SITE = "http://127.0.0.1:8080"
JSON = {"content-type": "application/fhir+json"}


@pytest.fixture
async def app(guarded_on_postgres):
    """The application on PostgreSQL: in memory there is one tenant only."""
    await guarded_on_postgres.start()
    yield guarded_on_postgres
    await guarded_on_postgres.stop()


@pytest.fixture
async def tenant(app):
    """A second tenant."""
    registry = app._stores.directory.registry
    try:
        found = await registry.create("second-house", {}, State.ACTIVE)
    except SlugTakenError:
        found = await registry.move("second-house", State.ACTIVE)
    await app._stores.directory.refresh()
    return found


@pytest.fixture
def theirs(speak, tenant):
    """Speaks as an owner of the second tenant."""
    base = f"{SITE}/t/{tenant.number}"
    claims = {"tenant": tenant.number, "issuer": f"{base}/auth", "audience": f"{base}/fhir"}
    return speak("system/*.cruds", roles=("owner",), **claims)


async def test_its_own_base_is_open_by_name_and_number(tenant, theirs):
    patient = {"resourceType": "Patient", "id": "p"}
    put = await theirs.put(f"{SITE}/t/{tenant.slug}/fhir/Patient/p", json=patient, headers=JSON)
    assert put.status_code in (200, 201), put.text
    for base in (f"{SITE}/t/{tenant.slug}/fhir", f"{SITE}/t/{tenant.number}/fhir"):
        assert (await theirs.get(f"{base}/Patient/p")).status_code == 200


async def test_a_proof_is_for_the_url_that_is_asked(speak, issue, tenant):
    own = f"{SITE}/t/{tenant.number}"
    claims = {"tenant": tenant.number, "issuer": f"{own}/auth", "audience": f"{own}/fhir", "roles": ("owner",)}
    token = bound(issue, "system/*.cruds", **claims)
    bases = (f"{SITE}/t/{tenant.slug}/fhir", f"{own}/fhir", f"{SITE}/fhir")
    for base in bases:
        for proven in bases:
            response = await speak(headers=shown(token, f"{proven}/Observation")).get(f"{base}/Observation?_count=1")
            assert response.status_code == (200 if base == proven else 401)


async def test_the_base_of_another_tenant_is_closed(speak, tenant, theirs):
    ours = speak("system/*.cruds", roles=("owner",))
    for base in (f"{SITE}/t/{tenant.slug}/fhir", f"{SITE}/t/{tenant.number}/fhir"):
        for path in ("Patient", "Patient/p", "metadata/x", "_history"):
            assert (await ours.get(f"{base}/{path}")).status_code == 403
        assert (
            await ours.post(base, json={"resourceType": "Bundle", "type": "batch"}, headers=JSON)
        ).status_code == 403
    assert (await theirs.get(f"{SITE}/t/1/fhir/Patient")).status_code == 403


async def test_at_a_base_without_a_name_the_token_says_which_tenant(speak, theirs):
    for client, name in ((theirs, "theirs"), (speak("system/*.cruds", roles=("owner",)), "ours")):
        patient = {"resourceType": "Patient", "id": name}
        assert (await client.put(f"{SITE}/fhir/Patient/{name}", json=patient, headers=JSON)).status_code in (200, 201)
    assert (await theirs.get(f"{SITE}/fhir/Patient/theirs")).status_code == 200
    assert (await theirs.get(f"{SITE}/fhir/Patient/ours")).status_code == 404


async def test_without_a_token_only_the_capabilities_are_shown(speak, tenant):
    nobody = speak()
    base = f"{SITE}/t/{tenant.slug}/fhir"
    assert (await nobody.get(f"{base}/metadata")).status_code == 200
    assert (await nobody.get(f"{base}/Patient")).status_code == 401
    smart = await nobody.get(f"{base}/.well-known/smart-configuration")
    assert smart.json()["issuer"] == f"{SITE}/t/{tenant.number}/auth"


async def test_at_a_base_without_a_name_a_browser_shows_what_the_tenant_of_the_token_lets_it(
    app, tenant, theirs, speak
):
    directory, origin = app._stores.directory, "https://app.example.org"
    await directory.registry.change(tenant.slug, {"cors_origins": [origin]})
    await directory.refresh()
    shell = httpx.ASGITransport(app=Shell(app, Settings(), who_allows=app.who_allows))

    async def allowed(client, path, method="GET", **headers):
        async with httpx.AsyncClient(transport=shell, headers=client.headers) as speaking:
            answer = await speaking.request(method, f"{SITE}{path}", headers={"origin": origin, **headers})
        return answer.headers.get("access-control-allow-origin") == origin

    ours, nobody = speak("system/*.cruds", roles=("owner",)), speak()
    assert await allowed(theirs, "/fhir/Patient")
    assert not await allowed(ours, "/fhir/Patient")
    asks = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    assert await allowed(nobody, "/fhir/Patient", "OPTIONS", **asks)
    assert await allowed(nobody, f"/t/{tenant.number}/fhir/Patient", "OPTIONS", **asks)
    assert not await allowed(nobody, "/t/default/fhir/Patient", "OPTIONS", **asks)
    stated = await theirs.get(f"{SITE}/t/{tenant.slug}/fhir/metadata")
    assert stated.json()["rest"][0]["security"]["cors"] is True
    assert (await ours.get(f"{SITE}/fhir/metadata")).json()["rest"][0]["security"]["cors"] is False
    await directory.registry.change(tenant.slug, {"cors_origins": []})
    await directory.refresh()
    assert not await allowed(theirs, "/fhir/Patient")


async def test_a_tenant_that_is_served_no_more_lets_nobody_in(app, tenant, theirs):
    registry, directory = app._stores.directory.registry, app._stores.directory
    base = f"{SITE}/t/{tenant.number}/fhir"
    assert (await theirs.get(f"{base}/Patient")).status_code == 200
    await registry.move(tenant.slug, State.SUSPENDED)
    await directory.refresh()
    assert (await theirs.get(f"{base}/Patient")).status_code == 200
    await registry.move(tenant.slug, State.EXPORTED)
    await directory.refresh()
    assert (await theirs.get(f"{base}/Patient")).status_code in (401, 403, 404)
    await registry.move(tenant.slug, State.SUSPENDED)
    await registry.move(tenant.slug, State.ACTIVE)
