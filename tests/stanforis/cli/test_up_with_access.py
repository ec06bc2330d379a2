"""``stanforis up`` as it comes: nobody gets in without a token, and there is a way to each token."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from httpx import Client, Request, Response

from tests.durability.server import Server, until
from tests.stanforis.cli.test_application import stanforis

ADMIN = re.compile(r"First sign-in at (\S+): name (\S+), one-time password (\S+) ")
PASSWORD = "a long pass phrase of ours"
BACK = "http://127.0.0.1:9/back"
VERIFIER = "v" * 43
PATIENT = {"resourceType": "Patient", "name": [{"family": "Uwase"}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("access") / "data", is_open=False)
    running.start()
    yield running
    assert running.stop() == 0


def browser(base: str = "") -> Client:
    """Return a browser: on loopback they send secure cookies without TLS, too, as httpx does not."""
    kept: dict[str, str] = {}

    def send(request: Request) -> None:
        request.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in kept.items())

    def keep(response: Response) -> None:
        for cookie in response.headers.get_list("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            kept[name] = value

    return Client(base_url=base, timeout=30, event_hooks={"request": [send], "response": [keep]})


@pytest.fixture
def http(server: Server) -> Iterator[Client]:
    with browser(server.base) as client:
        yield client


def command(server: Server, *arguments: str) -> str:
    ran = stanforis(*arguments, "--data", str(server.folder))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.strip()}"}


def fields(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html.rpartition("<form")[2]))


def sign_in(http: Client, url: str, name: str, password: str) -> str:
    """Go from *url* through the login page, choose a password where that is asked for, and return the last page."""
    page = http.get(url, follow_redirects=True)
    page = http.post(page.url, data=fields(page.text) | {"name": name, "password": password}, follow_redirects=True)
    if 'name="again"' in page.text:
        form = fields(page.text) | {"password": PASSWORD, "again": PASSWORD}
        page = http.post(page.url.join("password"), data=form, follow_redirects=True)
    return page.text


def test_nobody_gets_in_without_a_token(http):
    for path in ("/Patient", "/Patient/1", "/", "/Patient/_history"):
        answer = http.get(path)
        assert answer.status_code in (401, 405)
    answer = http.post("/Patient", json=PATIENT)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (401, "login")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_what_everybody_may_see(server, http):
    assert http.get("/metadata").status_code == 200
    told = http.get("/.well-known/smart-configuration")
    assert told.headers["access-control-allow-origin"] == "*"
    issuer = server.base.removesuffix("/fhir") + "/auth"
    assert told.json()["issuer"] == issuer
    assert http.get(f"{issuer}/jwks").json()["keys"]
    assert http.get(f"{issuer}/.well-known/openid-configuration").json()["issuer"] == issuer


def test_the_owner_gets_tokens_for_scripts(server, http):
    everything = command(server, "token")
    created = http.post("/Patient", json=PATIENT, headers=bearer(everything))
    assert created.status_code == 201
    told = json.loads(command(server, "token", "--scope", "system/Patient.rs", "--lifetime", "60", "--json"))
    assert (told["fhir_base"], told["expires_in"]) == (server.base, 60)
    narrow = bearer(told["access_token"])
    assert http.get("/Patient?family=uwase", headers=narrow).json()["total"] >= 1
    assert http.post("/Patient", json=PATIENT, headers=narrow).status_code == 403
    assert http.get("/Observation", headers=narrow).status_code == 403


def test_a_token_of_another_folder_is_worth_nothing(server, http, tmp_path):
    ran = stanforis("token", "--data", str(tmp_path), "--base", server.base)
    assert http.get("/Patient", headers=bearer(ran.stdout)).status_code == 401


def test_load_and_bench_find_their_token(server, tmp_path):
    source = tmp_path / "patients.ndjson"
    source.write_text("\n".join(json.dumps(PATIENT | {"id": f"loaded-{number}"}) for number in range(3)))
    loaded = json.loads(command(server, "load", str(source), "--json"))
    assert (loaded["resources"], loaded["refused"]) == (3, 0)
    command(server, "bench", "--seconds", "0.1", "--connections", "1")


def test_load_shows_the_owners_token_to_no_other_server(server, tmp_path):
    source = tmp_path / "patients.ndjson"
    source.write_text(json.dumps(PATIENT))
    ran = stanforis("load", str(source), "--data", str(tmp_path / "other"), "--base", server.base)
    assert ran.returncode == 1
    assert "--token-file" in ran.stderr
    file = tmp_path / "token"
    file.write_text(command(server, "token"))
    other = ("--data", str(tmp_path / "other"), "--base", server.base, "--token-file", str(file))
    file.chmod(0o644)
    assert "chmod 600" in stanforis("load", str(source), *other).stderr
    file.chmod(0o600)
    assert stanforis("load", str(source), *other).returncode == 0


def test_the_first_administrator_lets_a_nurse_in_who_uses_an_app(server, http):
    url, name, password = until(lambda: ADMIN.findall(server.said()))[0]
    assert "Your account" in sign_in(http, url, name, password)
    with browser() as other:
        assert "too many attempts" in sign_in(other, url, name, password)

    token = command(server, "token")
    admin = server.base.removesuffix("/fhir") + "/admin"
    nurse = {"login_name": "nadine", "name": "Nadine U.", "roles": ["nurse"], "fhir_user": "Practitioner/7"}
    added = http.post(f"{admin}/users", json=nurse, headers=bearer(token)).json()
    app = json.loads(
        command(
            server, "client", "add", "Chart", "--scope", "openid fhirUser offline_access user/*.cruds",
            "--redirect-uri", BACK, "--json",
        )
    )  # fmt: skip
    tokens = tokens_of_app(server, app["client_id"], "nadine", added["one_time_password"])
    assert tokens["scope"].split() == ["fhirUser", "offline_access", "openid", "user/*.cruds"]
    nurses = bearer(tokens["access_token"])
    assert http.get("/Patient", headers=nurses).status_code == 200
    assert http.get("/AuditEvent", headers=nurses).status_code == 403
    assert http.get(f"{admin}/users", headers=nurses).status_code == 403

    command(server, "user", "change", "nadine", "--locked")
    until(lambda: http.get("/Patient", headers=nurses).status_code == 401)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": app["client_id"]}
    refused = http.post(server.base.removesuffix("/fhir") + "/auth/token", data=form)
    assert refused.json()["error"] == "invalid_grant"


def tokens_of_app(server: Server, client_id: str, name: str, password: str) -> dict[str, str]:
    """Go through an app's whole flow in a browser of its own."""
    issuer = server.base.removesuffix("/fhir") + "/auth"
    challenge = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": BACK,
        "scope": "openid fhirUser offline_access user/*.cruds",
        "state": "s",
        "aud": server.base,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    with browser() as opened:
        page = opened.get(f"{issuer}/authorize", params=asked, follow_redirects=True)
        form = fields(page.text) | {"name": name, "password": password}
        page = opened.post(page.url, data=form, follow_redirects=True)
        form = fields(page.text) | {"password": PASSWORD, "again": PASSWORD}
        page = opened.post(page.url.join("password"), data=form, follow_redirects=True)
        assert "Chart" in page.text
        answer = opened.post(page.url, data=fields(page.text) | {"answer": "allow"})
        code = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "client_id": client_id}
        redeemed = opened.post(f"{issuer}/token", data=form | {"code_verifier": VERIFIER})
        assert redeemed.status_code == 200, redeemed.text
        tokens: dict[str, str] = redeemed.json()
        return tokens


def test_a_rule_reaches_the_running_server(server, http, tmp_path):
    file = tmp_path / "rule.cedar"
    file.write_text('forbid (principal, action, resource == ResourceType::"Basic");')
    token = bearer(command(server, "token"))
    assert http.get("/Basic", headers=token).status_code == 200
    command(server, "rule", "set", "no-basic", str(file))
    until(lambda: http.get("/Basic", headers=token).status_code == 403)
    command(server, "rule", "remove", "no-basic")
    until(lambda: http.get("/Basic", headers=token).status_code == 200)


def test_secrets_are_readable_by_their_owner_only(server):
    access = server.folder / "access"
    assert access.stat().st_mode & 0o077 == 0
    for name in ("keys.json", "owner.json"):
        assert (access / name).stat().st_mode & 0o077 == 0


def test_a_second_start_says_no_password_and_keeps_the_keys(tmp_path):
    server = Server(tmp_path / "data", workers=1, is_open=False)
    server.start()
    until(lambda: ADMIN.findall(server.said()))
    token = command(server, "token", "--base", "http://127.0.0.1:8080/fhir")
    keys = (server.folder / "access/keys.json").read_text()
    assert server.stop() == 0
    server.start()
    assert (server.folder / "access/keys.json").read_text() == keys
    assert server.stop() == 0
    assert len(ADMIN.findall(server.said())) == 1
    assert token


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--open", "--host", "0.0.0.0"], "access control"),  # noqa: S104 - what must be refused
        (["--host", "0.0.0.0"], "in the clear"),  # noqa: S104 - the same
    ],
)
def test_other_machines_are_kept_out(tmp_path, arguments, said):
    ran = stanforis("up", "--data", str(tmp_path), *arguments)
    assert ran.returncode == 1
    assert said in ran.stderr


@pytest.mark.parametrize("base", ["http://fhir.test/fhir", "https://fhir.test/r4", "https://user@fhir.test/fhir"])
def test_a_base_that_tokens_cannot_be_for_is_refused(tmp_path, base):
    ran = stanforis("up", "--data", str(tmp_path), "--port", "0", STANFORIS_BASE_URL=base)
    assert ran.returncode == 2
    assert "STANFORIS_BASE_URL" in ran.stderr


def test_open_says_so_loudly(tmp_path):
    code = "from stanforis.cli import main; main()"
    arguments = ["up", "--open", "--data", str(tmp_path / "data"), "--port", "0", "--workers", "1"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("FHIR R4 at"):
                break
        process.terminate()
        process.wait(60)
    assert "NO ACCESS CONTROL" in "".join(lines)
    assert not Path(tmp_path / "data/access/keys.json").exists()
