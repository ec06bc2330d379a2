"""A strict client that others wrote (oauth4webapi) goes every way to a token, and is refused where it should be."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import time
from pathlib import Path

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from jwt.algorithms import ECAlgorithm

from identity.access.grants.server import Server
from identity.access.store.memory import MemoryAccessStore
from identity.access.tokens.keys import KeySet, SigningKey
from identity.access.tokens.signing import signed_claims
from identity.access.web.application import create_application
from tests.support.access import FHIR, PASSWORD, a_system, a_user, an_app, client_key

AHEAD = 30 * 24 * 3600 + 1
"""Seconds after which another key signs."""

VOUCHER = client_key("ES256")
"""The key of somebody who vouches for software."""
CLIENT = Path(__file__).parents[2] / "support/oauth_client"


class KeyClock:
    """The time as the server's keys have it."""

    ahead = 0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> KeyClock:
    return KeyClock()


@pytest.fixture
async def server(clock):
    """A server on loopback."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = Server(url, FHIR, 1, MemoryAccessStore(), KeySet(clock=clock), b"s" * 32)
        server.statement_keys = {VOUCHER.public.kid: VOUCHER.public}
        for client in (an_app(), a_system()):
            await server.store.keep_client(client)
        await server.store.keep_user(a_user())
        http = uvicorn.Server(uvicorn.Config(create_application(server), log_level="error", lifespan="off", ws="none"))
        serving = asyncio.create_task(http.serve([listening]))
        yield server
        http.should_exit = True
        await serving


def statement(server: Server, key: SigningKey) -> str:
    """Return what somebody says of a laboratory's software."""
    said = {
        "aud": server.issuer,
        "exp": int(time.time()) + 60,
        "client_name": "Laboratory",
        "scope": "system/Patient.rs",
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [client_key().public.jwk()]},
    }
    return signed_claims(said, key)


async def test_a_strict_client_goes_every_way(server, clock):
    node = shutil.which("node")
    if node is None or not (CLIENT / "node_modules/oauth4webapi").exists():
        pytest.skip("no client: `make clients` gets it (needs node and npm)")
    key = client_key()
    assert isinstance(key.private, EllipticCurvePrivateKey)
    jwk = ECAlgorithm.to_jwk(key.private, as_dict=True) | {"kid": key.public.kid}
    process = await asyncio.create_subprocess_exec(
        node, "flow.mjs", server.issuer, FHIR, json.dumps(jwk), PASSWORD, statement(server, VOUCHER),
        statement(server, client_key("RS384")), cwd=CLIENT, stdin=-1, stdout=-1, stderr=-1,
    )  # fmt: skip
    assert process.stdout is not None
    if await asyncio.wait_for(process.stdout.readline(), 60) == b"rotate\n":
        clock.ahead = AHEAD
        server.keys.rotate()
    out, error = await asyncio.wait_for(process.communicate(b"\n"), 60)
    assert process.returncode == 0, error.decode()
    assert json.loads(out) == {
        "code": {"scope": "fhirUser offline_access openid user/Patient.rs", "token_type": "dpop", "sub": "u1"},
        "pushedAgain": True,
        "mixedUp": ["OAUTH_INVALID_RESPONSE", "OAUTH_INVALID_RESPONSE"],
        "userinfo": True,
        "refresh": {"rotated": True},
        "reuse": "invalid_grant",
        "replay": "invalid_grant",
        "system": {"scope": "system/Patient.rs", "expires_in": 600},
        "active": [True, False],
        "device": "user/Patient.rs",
        "declined": ["authorization_pending", "access_denied"],
        "registered": ["Laboratory", "system/Patient.rs"],
        "unregistered": ["invalid_software_statement", "unapproved_software_statement"],
        "rotation": {"another": True, "both": True, "active": [True, True]},
    }
