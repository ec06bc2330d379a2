"""What access control costs reads and searches.

    python -m benchmarks.enforcement [--patients N] [--opted-out N] [--requests N] [--json]

The whole application, without a socket, on a PostgreSQL of its own. The same requests are made of a server without
access control and, in turns, by callers of several kinds; shown are requests a second, the best of several rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from stanforis.settings import Settings
from stanforis.storage.embedded import EmbeddedPostgres

from fhir_api.app import Application, create_app
from fhir_api.store.postgres import migrations
from identity.access.hosting.addresses import Site
from identity.access.hosting.authority import Authority
from identity.access.hosting.owner import owner_key
from identity.access.store.memory import MemoryAccessStores
from identity.access.tokens.claims import AccessToken, DigitalIdentity
from identity.access.tokens.signing import signed_access_token

BASE = "http://127.0.0.1:8080/fhir"
_EACH = 20
_ROUNDS = 5
_AT_ONCE = 8
_AT_ONCE_STORED = 500
_DONE = 200
_EXPECTED = (_DONE, 403, 404)


class Caller:
    """Somebody who sends requests to an application."""

    def __init__(self, app: Application, token: str | None) -> None:
        self._app = app
        self._headers = [(b"host", b"127.0.0.1:8080"), (b"accept", b"application/fhir+json")]
        if token is not None:
            self._headers.append((b"authorization", f"Bearer {token}".encode()))

    async def get(self, url: str) -> int:
        """Return the status of the answer."""
        path, _, query = url.partition("?")
        return await self._send("GET", path, query, b"")

    async def post(self, body: bytes) -> int:
        """Return the status of a Bundle's answer."""
        return await self._send("POST", "", "", body)

    async def _send(self, method: str, path: str, query: str, body: bytes) -> int:
        status = 0

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": f"/fhir/{path}",
            "raw_path": f"/fhir/{path}".encode(),
            "query_string": query.encode(),
            "headers": [*self._headers, (b"content-type", b"application/fhir+json")],
        }
        await self._app(scope, receive, send)
        return status


def tokens(folder: Path) -> dict[str, str]:
    """Return a token of each kind of caller."""
    addresses, now = Site.of(BASE).tenant(1), int(time.time())

    def made(scope: str, kind: Any, role: str, **more: Any) -> str:
        claims = AccessToken(
            issuer=addresses.issuer,
            subject="someone",
            audience=addresses.fhir_base,
            issued_at=now,
            expires_at=now + 3600,
            token_id=role,
            client_id="bench",
            scope=scope,
            identity=DigitalIdentity(subject_type=kind, subject="hash", tenant=1, roles=(role,)),
            **more,
        )
        return signed_access_token(claims, owner_key(folder))

    return {
        "owner": made("system/*.cruds", "system", "owner"),
        "clinician": made("user/*.cruds", "practitioner", "clinician", fhir_user="Practitioner/p"),
        "constrained": made(
            "user/Observation.rs?code=http://loinc.org|c1,http://loinc.org|c2", "practitioner", "nurse"
        ),
        "patient": made("patient/*.rs", "person", "patient", patient="p1", fhir_user="Patient/p1"),
    }


def bundle(patient: int) -> bytes:
    """Return a transaction with a patient and their observations."""
    trees: list[dict[str, Any]] = [{"resourceType": "Patient", "id": f"p{patient}", "gender": "female"}]
    trees += [
        {
            "resourceType": "Observation",
            "id": f"o{patient}-{number}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": f"c{number % 5}"}]},
            "subject": {"reference": f"Patient/p{patient}"},
            "effectiveDateTime": f"2026-0{1 + number % 9}-1{patient % 10}",
            "valueQuantity": {"value": number, "system": "http://unitsofmeasure.org", "code": "kg"},
        }
        for number in range(_EACH)
    ]
    entries = [
        {"resource": tree, "request": {"method": "PUT", "url": f"{tree['resourceType']}/{tree['id']}"}}
        for tree in trees
    ]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def _consents(first: int, count: int) -> bytes:
    """Return a Bundle of consents by which others than the patients asked for withhold everything."""
    scope, rule = {"coding": [{"code": "patient-privacy"}]}, {"coding": [{"code": "OPTOUT"}]}
    trees = [
        {
            "resourceType": "Consent",
            "id": f"c{number}",
            "status": "active",
            "scope": scope,
            "category": [{"text": "privacy"}],
            "patient": {"reference": f"Patient/out{number}"},
            "policyRule": rule,
        }
        for number in range(first, first + count)
    ]
    entries = [{"resource": tree, "request": {"method": "PUT", "url": f"Consent/{tree['id']}"}} for tree in trees]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def kinds(patients: int) -> dict[str, list[str]]:
    """Return requests of each kind, all of which every caller may make."""
    chance = random.Random(1)
    own = [f"Observation/o1-{chance.randrange(_EACH)}" for _ in range(50)]
    codes = [f"Observation?code=http://loinc.org|c{chance.randrange(1, 3)}&_count=20" for _ in range(50)]
    return {
        "read": own,
        "by patient": ["Observation?subject=Patient/p1&_count=20"] * 50,
        "by code": codes,
        "by code, counted": [f"{url}&_total=accurate" for url in codes],
        "include": [f"{url}&_include=Observation:subject" for url in codes],
        "everything": ["Patient/p1/$everything?_count=20"] * 50,
    }


async def rate(caller: Caller, urls: Sequence[str], requests: int) -> float:
    """Return requests a second."""
    waiting = [urls[number % len(urls)] for number in range(requests)]

    async def work() -> None:
        while waiting:
            status = await caller.get(waiting.pop())
            if status not in _EXPECTED:
                raise RuntimeError(f"unexpected status {status}")

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return requests / (time.perf_counter() - started)


async def run(
    folder: Path, dsn: tuple[str, str], patients: int, requests: int, opted_out: int = 0
) -> dict[str, dict[str, float]]:
    """Return rates by kind of request and caller."""
    settings = Settings(
        base_url=BASE, data=folder, log_requests=False, audit="off", database_url=dsn[0], database_app_url=dsn[1]
    )
    plain = create_app(settings)
    guarded = create_app(settings, access=Authority(settings, stores=MemoryAccessStores()))
    await plain.start()
    await guarded.start()
    callers = {"open": Caller(plain, None)} | {name: Caller(guarded, each) for name, each in tokens(folder).items()}
    for number in range(patients):
        if await callers["open"].post(bundle(number)) != _DONE:
            raise RuntimeError("a Bundle was refused")
    for first in range(0, opted_out, _AT_ONCE_STORED):
        if await callers["open"].post(_consents(first, min(_AT_ONCE_STORED, opted_out - first))) != _DONE:
            raise RuntimeError("a Bundle of consents was refused")
    found: dict[str, dict[str, float]] = {}
    for kind, urls in kinds(patients).items():
        found[kind] = dict.fromkeys(callers, 0.0)
        for _ in range(_ROUNDS):
            for name, caller in callers.items():
                found[kind][name] = max(found[kind][name], await rate(caller, urls, requests))
    await plain.stop()
    await guarded.stop()
    return found


def show(found: dict[str, dict[str, float]]) -> None:
    """Print the rates, and how they compare with no access control."""
    table = Table(title="requests a second, and what part of the open server's")
    table.add_column("kind")
    for name in next(iter(found.values())):
        table.add_column(name, justify="right")
    for kind, rates in found.items():
        table.add_row(kind, *(f"{each:,.0f} ({each / rates['open']:.0%})" for each in rates.values()))
    Console().print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=500)
    parser.add_argument("--opted-out", type=int, default=0, help="other patients who withhold everything")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        dsn = (cluster.connection.owner_dsn, cluster.connection.app_dsn)
        found = asyncio.run(run(Path(folder), dsn, given.patients, given.requests, given.opted_out))
    if given.json:
        print(json.dumps(found))
    else:
        show(found)


if __name__ == "__main__":
    main()
