"""An app that nobody launched out of a record asks whom it is about: the person chooses among those they may see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from httpx import ASGITransport, AsyncClient, Request, Response

from fhir_api.app import Application
from tests.support.access import PASSWORD, a_user, an_app, fields_of

ASKED = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": "https://app.test/back",
    "scope": "launch/patient patient/Patient.rs",
    "state": "s",
    "aud": "http://127.0.0.1:8080/fhir",
    "code_challenge": "a" * 43,
    "code_challenge_method": "S256",
}
PATIENTS = {"aline": "Uwase", "bosco": "Mugisha", "secret": "Uwase"}


@pytest.fixture
async def browser(app: Application, speak) -> AsyncIterator[AsyncClient]:
    """A browser; on loopback they send secure cookies without TLS, too."""
    kept: dict[str, str] = {}

    async def send(request: Request) -> None:
        request.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in kept.items())

    async def keep(response: Response) -> None:
        for cookie in response.headers.get_list("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            kept[name] = value

    access = app._access
    assert access is not None
    store = access.server().store
    await store.keep_client(an_app())
    owner = speak("system/*.cruds", roles=("owner",))
    for logical_id, family in PATIENTS.items():
        patient: dict[str, Any] = {
            "resourceType": "Patient",
            "id": logical_id,
            "name": [{"family": family, "given": ["A."]}],
        }
        if logical_id == "secret":
            system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
            patient["meta"] = {"security": [{"system": system, "code": "V"}]}
        assert (await owner.put(f"/Patient/{logical_id}", json=patient)).status_code in (200, 201)
    async with AsyncClient(
        transport=ASGITransport(app),
        base_url="http://127.0.0.1:8080/auth/",
        event_hooks={"request": [send], "response": [keep]},
    ) as client:
        yield client


async def signed_in(app: Application, browser: AsyncClient, *roles: str) -> httpx.Response:
    """Sign in as somebody with *roles* and return the page that asks whom it is about."""
    access = app._access
    assert access is not None
    await access.server().store.keep_user(a_user(roles=roles, login_name="choosing", user_id="choosing"))
    page = await browser.get("authorize", params=ASKED, follow_redirects=True)
    form = fields_of(page.text) | {"name": "choosing", "password": PASSWORD}
    return await browser.post(str(page.url), data=form, follow_redirects=True)


async def test_a_nurse_finds_those_she_may_see_and_takes_one(app, browser):
    page = await signed_in(app, browser, "nurse")
    assert 'name="patient"' not in page.text
    found = await browser.post(str(page.url), data=fields_of(page.text) | {"search": "uwa"})
    assert 'value="aline"' in found.text
    assert 'value="bosco"' not in found.text
    assert 'value="secret"' not in found.text
    chosen = fields_of(found.text) | {"patient": "aline"}
    page = await browser.post(str(page.url), data=chosen, follow_redirects=True)
    answer = await browser.post(str(page.url), data=fields_of(page.text) | {"answer": "allow"})
    assert "code" in dict(parse_qsl(urlsplit(answer.headers["location"]).query))


@pytest.mark.parametrize("patient", ["secret", "nobody", "../aline", "", "a\\b"])
async def test_nobody_takes_a_patient_they_may_not_see(app, browser, patient):
    page = await signed_in(app, browser, "nurse")
    sent = fields_of(page.text) | {"patient": patient}
    page = await browser.post(str(page.url), data=sent, follow_redirects=True)
    assert 'name="search"' in page.text


@pytest.mark.parametrize("text", ["", "u", "%", "\\", "a,b|c$d", "x" * 5000, "uw\u2028ase"])
async def test_what_finds_nobody(app, browser, text):
    page = await signed_in(app, browser, "nurse")
    found = await browser.post(str(page.url), data=fields_of(page.text) | {"search": text})
    assert found.status_code == 200
    assert 'name="patient"' not in found.text


async def test_who_may_see_no_patients_finds_none(app, browser):
    page = await signed_in(app, browser, "auditor")
    found = await browser.post(str(page.url), data=fields_of(page.text) | {"search": "uwase"})
    assert 'name="patient"' not in found.text


async def test_metadata_says_who_is_let_in(speak):
    statement = (await speak().get("/metadata")).json()
    [service] = statement["rest"][0]["security"]["service"]
    assert service["coding"][0]["code"] == "SMART-on-FHIR"
