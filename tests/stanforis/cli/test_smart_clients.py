"""Apps with the libraries that app makers use, against a real server: openid-client and fhirclient."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from jwt.algorithms import ECAlgorithm

from identity.access.tokens.signing import signed_claims
from tests.durability.server import Server
from tests.stanforis.cli.test_application import stanforis
from tests.stanforis.cli.test_up_with_access import BACK, bearer, browser, command, sign_in
from tests.support.access import client_key

VOUCHER = client_key("ES256")
"""The key of somebody who vouches for software."""
CLIENTS = Path(__file__).parents[2] / "support/oauth_client"
with socket.socket() as _free:
    _free.bind(("127.0.0.1", 0))
    PORT = _free.getsockname()[1]
ORIGIN = f"http://127.0.0.1:{PORT}"
"""Where the app's pages are."""
PASSWORD = "a long pass phrase of ours"
SCOPE = "launch launch/patient openid fhirUser profile offline_access user/*.cruds patient/*.rs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if shutil.which("node") is None or not (CLIENTS / "node_modules/fhirclient").exists():
        pytest.skip("no clients: `make clients` gets them (needs node and npm)")
    running = Server(tmp_path_factory.mktemp("smart") / "data", workers=1, is_open=False)
    trusted = running.folder / "access/statement-keys.json"
    trusted.parent.mkdir(parents=True)
    trusted.write_text(json.dumps({"keys": [VOUCHER.public.jwk()]}))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STANFORIS_CORS_ORIGINS", ORIGIN)
        running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def nurse(server: Server) -> str:
    """Somebody with a password of their own; returns the name."""
    about = ("--role", "nurse", "--fhir-user", "Practitioner/7", "--name", "Nadine U.")
    added = json.loads(command(server, "user", "add", "nadine", *about, "--json"))
    with browser() as opened:
        account = server.base.removesuffix("/fhir") + "/auth/account"
        assert "Your account" in sign_in(opened, account, "nadine", added["one_time_password"])
    return "nadine"


def registered(server: Server, *arguments: str) -> dict[str, Any]:
    app: dict[str, Any] = json.loads(command(server, "client", "add", *arguments, "--json"))
    return app


def run(server: Server, script: str, told: dict[str, Any]) -> dict[str, Any]:
    issuer = server.base.removesuffix("/fhir") + "/auth"
    ran = subprocess.run(
        ["node", script, issuer, server.base, json.dumps(told)],  # noqa: S607 - found in PATH, as users have it
        cwd=CLIENTS,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    seen: dict[str, Any] = json.loads(ran.stdout)
    return seen


def statement(server: Server) -> str:
    """Return what somebody says of an app."""
    said = {
        "aud": server.base.removesuffix("/fhir") + "/auth",
        "exp": int(time.time()) + 60,
        "client_name": "Vouched for",
        "scope": "openid user/Patient.rs",
        "grant_types": ["authorization_code"],
        "redirect_uris": [BACK],
    }
    return signed_claims(said, VOUCHER)


@pytest.mark.usefixtures("patients")
def test_openid_client_goes_every_way_and_is_refused(server, nurse, tmp_path):
    key = client_key()
    assert isinstance(key.private, EllipticCurvePrivateKey)
    jwk = ECAlgorithm.to_jwk(key.private, as_dict=True) | {"kid": key.public.kid}
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps({"keys": [key.public.jwk()]}))
    bye = f"{BACK}/bye"
    app = registered(
        server, "Chart", "--scope", SCOPE, "--redirect-uri", BACK, "--post-logout-redirect-uri", bye,
        "--grant-type", "authorization_code", "--grant-type", "refresh_token",
        "--grant-type", "urn:ietf:params:oauth:grant-type:device_code",
    )  # fmt: skip
    service = registered(
        server, "Router", "--scope", "user/Patient.rs", "--jwks", str(keys), "--authentication", "private_key_jwt",
        "--grant-type", "urn:ietf:params:oauth:grant-type:token-exchange",
    )  # fmt: skip
    system = registered(
        server, "Laboratory", "--scope", "system/Patient.rs system/Observation.cruds", "--jwks", str(keys),
        "--authentication", "private_key_jwt", "--grant-type", "client_credentials",
    )  # fmt: skip
    told = {"app": app["client_id"], "system": system["client_id"], "service": service["client_id"]}
    told |= {"jwk": jwk, "name": nurse, "password": PASSWORD, "back": bye, "statement": statement(server)}
    assert run(server, "openid.mjs", told) == {
        "code": {"fhirUser": True, "expires_in": 300},
        "reads": [200, 403],
        "userinfo": {"name": "Nadine U.", "sub": True},
        "refreshed": 200,
        "reuse": "invalid_grant",
        "dead": "invalid_grant",
        "replay": "invalid_grant",
        "state": "OAUTH_INVALID_RESPONSE",
        "plain": "invalid_request",
        "elsewhere": "told to the person",
        "system": {"scope": "system/Observation.rs system/Patient.rs", "reads": 200},
        "active": [True, False],
        "more": "invalid_scope",
        "older": ["system/Patient.rs", 200],
        "narrow": [[1, 200], [1, 404]],
        "unreadable": "invalid_scope",
        "devices": ["user/Patient.rs", "access_denied"],
        "registered": ["Vouched for", 200],
        "unregistered": "invalid_software_statement",
        "pushedByAnother": True,
        "bound": ["dpop", 200, 200, 401],
        "stolen": "invalid_dpop_proof",
        "kept": "dpop",
        "exchanged": [200, 403],
        "tooMuch": "invalid_scope",
        "notBound": "invalid_grant",
        "left": True,
        "signedOut": "login_required",
    }


@pytest.fixture(scope="module")
def patients(server: Server) -> None:
    """Two patients with a weight each."""
    records: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": "uwase", "name": [{"family": "Uwase", "given": ["Aline"]}]},
        {"resourceType": "Patient", "id": "mugisha", "name": [{"family": "Mugisha"}]},
        *(
            {
                "resourceType": "Observation",
                "id": f"of-{subject}",
                "status": "final",
                "code": {"text": "weight"},
                "subject": {"reference": f"Patient/{subject}"},
            }
            for subject in ("uwase", "mugisha")
        ),
    ]
    with browser(server.base) as http:
        for record in records:
            answer = http.put(
                f"/{record['resourceType']}/{record['id']}", json=record, headers=bearer(command(server, "token"))
            )
            assert answer.status_code == 201, answer.text


def an_ehr(server: Server) -> dict[str, Any]:
    return registered(
        server, "EHR", "--scope", "launch", "--authentication", "client_secret_basic", "--may-launch",
        "--grant-type", "client_credentials",
    )  # fmt: skip


@pytest.mark.usefixtures("patients")
def test_fhirclient_is_launched_alone_and_by_an_ehr(server, nurse):
    app = registered(server, "Growth", "--scope", SCOPE, "--redirect-uri", f"{ORIGIN}/back")
    ehr = an_ehr(server)
    told = {"chart": app["client_id"], "ehr": ehr["client_id"], "secret": ehr["client_secret"], "port": PORT}
    seen = run(server, "smart.mjs", told | {"name": nurse, "password": PASSWORD, "patient": "uwase"})
    looked = {
        "patient": "uwase",
        "user": True,
        "family": "Uwase",
        "observations": 1,
        "others": 1,
        "refused": 403,
    }
    assert seen == {"standalone": looked, "ehr": looked | {"intent": "summary"}, "again": True, "unknown": True}


@pytest.mark.usefixtures("patients")
def test_fhirclient_runs_in_a_browser(server, nurse):
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None or not (CLIENTS / "node_modules/puppeteer-core").exists():
        pytest.skip("no browser, or nothing that drives it: `make clients` (needs npm), `make browser`")
    app = registered(server, "Growth in a page", "--scope", SCOPE, "--redirect-uri", f"{ORIGIN}/back")
    ehr = an_ehr(server)
    told = {"chromium": chromium, "chart": app["client_id"], "ehr": ehr["client_id"], "secret": ehr["client_secret"]}
    told |= {"port": PORT, "name": nurse, "password": PASSWORD, "patient": "uwase"}
    looked = {
        "patient": "uwase",
        "user": "Practitioner/7",
        "family": "Uwase",
        "others": 1,
        "refused": 403,
    }
    assert run(server, "chromium.mjs", told) == {
        "standalone": looked,
        "refreshed": {"another": True, "reads": "uwase"},
        "afterReuse": ["invalid_grant", 401],
        "preflight": 400,
        "denied": "failed: access_denied",
        "ehr": looked,
    }


def test_clients_are_named_where_they_are_missing():
    assert "clients:" in (Path(__file__).parents[3] / "Makefile").read_text()
    assert stanforis("client", "--help").returncode == 0
