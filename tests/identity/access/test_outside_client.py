"""A strict client that others wrote (oauth4webapi) goes every way to a token, and is refused where it should be."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from pathlib import Path

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from jwt.algorithms import ECAlgorithm

from identity.access.grants.server import Server
from identity.access.store.memory import MemoryAccessStore
from identity.access.tokens.keys import KeySet
from identity.access.web.application import create_application
from tests.support.access import FHIR, PASSWORD, a_system, a_user, an_app, client_key

CLIENT = Path(__file__).parents[2] / "support/oauth_client"


@pytest.fixture
async def issuer():
    """The URL of a server on loopback."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = Server(url, FHIR, 1, MemoryAccessStore(), KeySet(), b"s" * 32)
        for client in (an_app(), a_system()):
            await server.store.keep_client(client)
        await server.store.keep_user(a_user())
        http = uvicorn.Server(uvicorn.Config(create_application(server), log_level="error", lifespan="off", ws="none"))
        serving = asyncio.create_task(http.serve([listening]))
        yield url
        http.should_exit = True
        await serving


async def test_a_strict_client_goes_every_way(issuer):
    node = shutil.which("node")
    if node is None or not (CLIENT / "node_modules/oauth4webapi").exists():
        pytest.skip("no client: `make clients` gets it (needs node and npm)")
    key = client_key()
    assert isinstance(key.private, EllipticCurvePrivateKey)
    jwk = ECAlgorithm.to_jwk(key.private, as_dict=True) | {"kid": key.public.kid}
    process = await asyncio.create_subprocess_exec(
        node, "flow.mjs", issuer, FHIR, json.dumps(jwk), PASSWORD, cwd=CLIENT, stdout=-1, stderr=-1
    )
    out, error = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, error.decode()
    assert json.loads(out) == {
        "code": {"scope": "fhirUser offline_access openid user/Patient.rs", "token_type": "dpop", "sub": "u1"},
        "refresh": {"rotated": True},
        "reuse": "invalid_grant",
        "replay": "invalid_grant",
        "system": {"scope": "system/Patient.rs", "expires_in": 600},
        "active": [True, False],
        "device": "user/Patient.rs",
    }
