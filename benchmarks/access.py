"""What the authorization server costs: token requests, and tokens verified.

    python -m benchmarks.access [--requests N] [--postgres] [--json]

Requests go through the whole ASGI application, without a socket. Prints microseconds of this process's CPU for each
(PostgreSQL's own are not in it) and what one core does in a second.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import orjson
from rich.console import Console
from rich.table import Table
from stanforis.storage.embedded import EmbeddedPostgres
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.tenancy.contexts import open_contexts

from identity.access.grants.grant import Grant
from identity.access.grants.issuing import start_family
from identity.access.grants.server import Server
from identity.access.scopes.permissions import compile_scope
from identity.access.store import migrations
from identity.access.store.memory import MemoryAccessStore
from identity.access.store.port import AccessStore
from identity.access.store.postgres import PostgresAccessStores
from identity.access.store.records import Client, ClientAuthentication, GrantType, User, new_grant_id
from identity.access.tokens.algorithms import ALGORITHMS
from identity.access.tokens.keys import KeySet, SigningKey
from identity.access.tokens.signing import signed_claims
from identity.access.tokens.verifier import Expected, Verifier
from identity.access.web.application import create_application

ISSUER = "https://access.example"
FHIR = "https://fhir.example/fhir"
_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_REPEAT = 3
Form = dict[str, str]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result.

    Attributes:
        work: what was done.
        microseconds: of CPU, each.
    """

    work: str
    microseconds: float


class Bench:
    """A server, and clients that were prepared for it."""

    def __init__(self, store: AccessStore, requests: int) -> None:
        self.server = Server(ISSUER, FHIR, 1, store, KeySet(), secrets.token_bytes(32))
        self.application = create_application(self.server)
        self.requests = requests
        self.keys = {
            name: SigningKey(ALGORITHMS[name].generate(), ALGORITHMS[name], 0, 0) for name in ("ES384", "RS384")
        }

    async def prepare(self) -> None:
        """Register a client for each algorithm, a public one, and a user."""
        for name, key in self.keys.items():
            await self.server.store.keep_client(
                Client(
                    client_id=name,
                    name=name,
                    authentication=ClientAuthentication.PRIVATE_KEY_JWT,
                    grant_types=frozenset(GrantType),
                    scope="system/*.cruds",
                    jwks={"keys": [key.public.jwk()]},
                )
            )
        await self.server.store.keep_client(_app())
        await self.server.store.keep_user(
            User(user_id="u", login_name="u", password_hash="", fhir_user="Practitioner/1", scope="user/*.cruds")
        )

    def assertion(self, name: str) -> Form:
        """Return a token request of the client that signs by *name*."""
        claims = {
            "iss": name,
            "sub": name,
            "aud": f"{ISSUER}/token",
            "exp": time.time() + 290,
            "jti": secrets.token_hex(8),
        }
        return {
            "grant_type": "client_credentials",
            "scope": "system/Observation.rs",
            "client_assertion_type": _TYPE,
            "client_assertion": signed_claims(claims, self.keys[name]),
        }

    async def refreshable(self) -> Form:
        """Return a refresh request of a family of its own."""
        grant = Grant(grant_id=new_grant_id(), client_id="app", scope="offline_access user/Patient.rs", user_id="u")
        token = await start_family(self.server, _app(), grant)
        return {"grant_type": "refresh_token", "client_id": "app", "refresh_token": token or ""}

    async def measure(self, work: str, prepare: Callable[[], Awaitable[Form]]) -> Figure:
        """Return what a request costs at best."""
        best = float("inf")
        for _ in range(_REPEAT):
            forms = [await prepare() for _ in range(self.requests)]
            started = time.process_time()
            for form in forms:
                await self.post(form)
            best = min(best, time.process_time() - started)
        return Figure(work, best / self.requests * 1e6)

    async def post(self, form: Form) -> dict[str, Any]:
        """Send *form* to the token endpoint and return the answer."""
        body = urlencode(form).encode()
        sent: list[dict[str, Any]] = []
        headers = [(b"host", b"access.example"), (b"content-type", b"application/x-www-form-urlencoded")]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": "/token",
            "raw_path": b"/token",
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "server": ("access.example", 443),
            "client": ("127.0.0.1", 1),
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.application(scope, receive, send)
        if sent[0]["status"] != 200:  # noqa: PLR2004 - HTTP
            raise SystemExit(f"refused: {sent[1]['body']!r}")
        answer: dict[str, Any] = orjson.loads(sent[1]["body"])
        return answer

    async def tokens(self) -> list[str]:
        """Return as many access tokens as there are requests."""
        return [(await self.post(self.assertion("RS384")))["access_token"] for _ in range(self.requests)]


def _app() -> Client:
    grant_types = frozenset({GrantType.REFRESH_TOKEN})
    return Client(
        client_id="app",
        name="App",
        authentication=ClientAuthentication.NONE,
        grant_types=grant_types,
        scope="offline_access user/*.rs",
    )


async def token_requests(store: AccessStore, where: str, requests: int) -> list[Figure]:
    """Return what token requests cost."""
    bench = Bench(store, requests)
    await bench.prepare()

    async def by(name: str) -> Form:
        return bench.assertion(name)

    return [
        await bench.measure(f"token request, private_key_jwt ES384, {where}", lambda: by("ES384")),
        await bench.measure(f"token request, private_key_jwt RS384, {where}", lambda: by("RS384")),
        await bench.measure(f"token refreshed, {where}", bench.refreshable),
    ]


async def verifications(requests: int) -> list[Figure]:
    """Return what it costs to verify a token and to decide by it."""
    bench = Bench(MemoryAccessStore(), requests)
    await bench.prepare()
    tokens = await bench.tokens()
    verifier = Verifier(bench.server.keys.find, Expected(ISSUER, FHIR), remembered=requests)
    permissions = compile_scope("patient/Observation.rs?category=laboratory user/*.rs", "p1")
    cold = _each(tokens, verifier.verify, before=verifier.forget)
    seen = _each(tokens, verifier.verify)
    decided = _each(["Observation"] * requests, lambda name: permissions.decide(name, "search-type"))
    return [
        Figure("token verified, cold", cold),
        Figure("token verified, seen before", seen),
        Figure("decision", decided),
    ]


def _each(values: Sequence[str], work: Callable[[str], object], before: Callable[[], None] = lambda: None) -> float:
    best = float("inf")
    for _ in range(_REPEAT):
        before()
        started = time.process_time()
        for value in values:
            work(value)
        best = min(best, time.process_time() - started)
    return best / len(values) * 1e6


@asynccontextmanager
async def postgres_store() -> AsyncIterator[AccessStore]:
    """Give a store in a PostgreSQL of its own."""
    with TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        pool = Pool(PoolOptions(dsn=cluster.connection.app_dsn))
        contexts = await open_contexts(cluster.connection.owner_dsn)
        yield PostgresAccessStores(pool, contexts).for_tenant(1)
        await pool.close()


async def run(requests: int, *, with_postgres: bool) -> list[Figure]:
    """Return all figures."""
    figures = await verifications(requests)
    figures += await token_requests(MemoryAccessStore(), "memory", requests)
    if with_postgres:
        async with postgres_store() as store:
            figures += await token_requests(store, "PostgreSQL", requests)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500, help="of each kind")
    parser.add_argument("--postgres", action="store_true", help="also with a store in PostgreSQL")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    figures = asyncio.run(run(options.requests, with_postgres=options.postgres))
    if options.json:
        print(orjson.dumps(figures).decode())
        return
    table = Table("work", "µs of CPU", "a second and core")
    for figure in figures:
        table.add_row(figure.work, f"{figure.microseconds:,.2f}", f"{1e6 / figure.microseconds:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
