"""Who is let in: tokens that are shown, and ways to show them that are refused."""

from __future__ import annotations

import time

import pytest
from httpx import Response

from identity.access.tokens.algorithms import ALGORITHMS
from identity.access.tokens.claims import Confirmation
from identity.access.tokens.compact import encode
from identity.access.tokens.keys import SigningKey
from tests.support.applications import BASE
from tests.support.proofs import OTHER, bound, proof, shown

pytestmark = pytest.mark.parametrize("app", ["memory"], indirect=True)
EVERYTHING = "system/*.cruds"


def challenge(response: Response) -> str:
    return str(response.headers["www-authenticate"])


async def test_nobody_is_told_how_to_come_in(speak):
    response = await speak().get("/Patient/a")
    assert response.status_code == 401
    assert response.json()["issue"][0]["code"] == "login"
    assert challenge(response) == "Bearer"


async def test_what_is_for_everybody_needs_no_token(speak):
    nobody = speak()
    assert (await nobody.get("/metadata")).status_code == 200
    assert (await nobody.get("/.well-known/smart-configuration")).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_only_reading_the_statement_is_for_everybody(speak, method):
    assert (await speak().request(method, "/metadata", json={"resourceType": "Patient"})).status_code in (401, 405)


async def test_a_good_token_lets_in(speak):
    response = await speak(EVERYTHING, roles=("owner",)).get("/Patient/a")
    assert response.status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"expires_at": int(time.time()) - 1},
        {"audience": "http://127.0.0.1:8080/other"},
        {"audience": "http://127.0.0.1:8080/t/2/fhir"},
        {"issuer": "http://127.0.0.1:8080/t/2/auth"},
        {"issuer": "https://elsewhere.example"},
        {"issued_at": int(time.time()) + 100_000, "expires_at": int(time.time()) + 100_100},
        {"tenant": 2},
    ],
    ids="-".join,
)
async def test_a_token_that_is_not_for_here_and_now_is_refused(speak, wrong):
    response = await speak(EVERYTHING, roles=("owner",), **wrong).get("/Patient")
    assert response.status_code == 401
    assert 'error="invalid_token"' in challenge(response)


async def test_a_token_of_another_key_is_refused(speak, issue, monkeypatch):
    stranger = SigningKey(ALGORITHMS["ES256"].generate(), ALGORITHMS["ES256"], 0, 2**40)
    header, payload, _ = issue(EVERYTHING).split(".")
    forged = f"{header}.{payload}.{encode(stranger.sign(f'{header}.{payload}'.encode()))}"
    response = await speak(headers={"authorization": f"Bearer {forged}"}).get("/Patient")
    assert response.status_code == 401


@pytest.mark.parametrize("shown", ["Basic YTpi", "Bearer", "Bearer ", "Bearer a.b", "bearer x.y.z", "Token abc"])
async def test_what_is_no_token_is_refused(speak, shown):
    assert (await speak(headers={"authorization": shown}).get("/Patient")).status_code == 401


async def test_two_tokens_are_none(speak, issue, app):
    token = issue(EVERYTHING)
    response = await speak(headers={"authorization": f"Bearer {token}, Bearer {token}"}).get("/Patient")
    assert response.status_code == 401


async def test_a_token_in_the_url_is_refused_and_not_repeated(speak, issue):
    token = issue(EVERYTHING)
    response = await speak(EVERYTHING, roles=("owner",)).get("/Patient", params={"access_token": token})
    assert response.status_code == 400
    assert token not in response.text


async def test_headers_of_a_gateway_give_nothing(speak):
    headers = {"x-di-sub": "admin", "x-di-roles": "owner", "x-di-ten": "1", "x-di-scope": EVERYTHING}
    assert (await speak(headers=headers).get("/Patient")).status_code == 401
    narrow = speak("system/Patient.r", headers=headers)
    assert (await narrow.get("/Observation")).status_code == 403


async def test_a_token_bound_to_a_key_is_no_bearer_token(speak):
    bound = speak(EVERYTHING, roles=("owner",), confirmation=Confirmation(jkt="x" * 43))
    response = await bound.get("/Patient")
    assert response.status_code == 401


async def test_a_bound_token_is_shown_with_a_proof_that_is_good_once(speak, issue):
    token, url = bound(issue, EVERYTHING, roles=("owner",)), f"{BASE}/Patient/a"
    headers = shown(token, url)
    assert (await speak(headers=headers).get("/Patient/a")).status_code == 404
    again = await speak(headers=headers).get("/Patient/a")
    assert again.status_code == 401
    assert challenge(again).startswith("DPoP algs=")


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "POST"},
        {"url": f"{BASE}/Patient/b"},
        {"key": OTHER},
        {"iat": 0},
        {"ath": "x"},
    ],
    ids="-".join,
)
async def test_a_proof_for_something_else_is_none(speak, issue, wrong):
    token = bound(issue, EVERYTHING, roles=("owner",))
    made = proof(token, **({"url": f"{BASE}/Patient/a"} | wrong))
    response = await speak(headers={"authorization": f"DPoP {token}", "dpop": made}).get("/Patient/a")
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("htu", "status"),
    [
        ("http://127.0.0.1:8080/fhir/Patient/%61", 404),
        ("HTTP://127.0.0.1:8080/fhir/Patient/a?x=y#z", 404),
        ("http://127.0.0.1:8080/fhir/Patient/a/", 401),
        ("http://127.0.0.1:8080/fhir%2FPatient/a", 401),
        ("http://user@127.0.0.1:8080/fhir/Patient/a", 401),
        ("http://127.0.0.1/fhir/Patient/a", 401),
        ("https://127.0.0.1:8080/fhir/Patient/a", 401),
        ("/fhir/Patient/a", 401),
        ("http://127.0.0.1:x/fhir/Patient/a", 401),
        ("http://[/fhir/Patient/a", 401),
    ],
)
async def test_a_proof_is_for_the_same_url_however_it_is_written(speak, issue, htu, status):
    token = bound(issue, EVERYTHING, roles=("owner",))
    assert (await speak(headers=shown(token, htu)).get("/Patient/a")).status_code == status


async def test_a_proof_for_another_host_is_none_whatever_the_host_header_says(speak, issue):
    token = bound(issue, EVERYTHING, roles=("owner",))
    for host, status in (("evil.example", 401), ("localhost:8080", 404), ("127.0.0.1:8080", 404)):
        headers = shown(token, f"http://{host}/fhir/Patient/a") | {"host": host}
        assert (await speak(headers=headers).get("/Patient/a")).status_code == status


async def test_two_proofs_or_two_tokens_are_none(speak, issue):
    token, url = bound(issue, EVERYTHING, roles=("owner",)), f"{BASE}/Patient/a"
    for name in ("dpop", "authorization"):
        twice = shown(token, url)
        headers = [*twice.items(), (name, twice[name])]
        assert (await speak().get("/Patient/a", headers=headers)).status_code == 401


async def test_a_bound_token_is_no_bearer_token_even_with_a_proof(speak, issue):
    token = bound(issue, EVERYTHING, roles=("owner",))
    headers = shown(token, f"{BASE}/Patient/a") | {"authorization": f"Bearer {token}"}
    assert (await speak(headers=headers).get("/Patient/a")).status_code == 401


async def test_a_token_without_a_key_needs_no_proof_and_takes_none(speak, issue):
    token = issue(EVERYTHING, roles=("owner",))
    headers = shown(token, f"{BASE}/Patient/a")
    assert (await speak(headers=headers).get("/Patient/a")).status_code == 401


async def test_the_tenant_of_the_url_is_that_of_the_token(speak):
    owner = speak(EVERYTHING, roles=("owner",))
    assert (await owner.get("/Patient")).status_code == 200
    other = await owner.get("http://127.0.0.1:8080/t/2/fhir/Patient")
    assert other.status_code in (401, 403, 404)
    assert (await owner.get("http://127.0.0.1:8080/t/1/fhir/Patient")).status_code == 200


async def test_every_request_in_a_bundle_is_of_the_same_caller(speak):
    entry = {"request": {"method": "GET", "url": "Observation"}}
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    response = await speak("system/Patient.rs").post("/", json=bundle)
    assert response.json()["entry"][0]["response"]["status"].startswith("403")
