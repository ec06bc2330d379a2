"""What the audit trail costs creates and reads.

    python -m benchmarks.audit [--seconds 5] [--at-once 8]

They are sent to the application, without HTTP, with the trail and without it by turns, on a PostgreSQL of its own. How
long it takes to say who saw a record is measured by :mod:`benchmarks.audit_trail`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import orjson
from stanforis.settings import Settings
from stanforis.storage.embedded import EmbeddedPostgres

from benchmarks.cost import cpu_seconds
from fhir_api.app import Application, create_app
from fhir_api.store.postgres import migrations

_ROUNDS = 4
_WARM = 200


_HEADERS = [(b"host", b"127.0.0.1:8080"), (b"content-type", b"application/fhir+json"), (b"prefer", b"return=minimal")]


async def _request(app: Application, method: str, path: str, body: bytes = b"") -> int:
    """Send a request to the application and return the answer's status."""
    status = 0
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "scheme": "http", "client": ("127.0.0.1", 1),
        "headers": _HEADERS,
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, object]) -> None:
        nonlocal status
        status = message.get("status", status)  # type: ignore[assignment] # ASGI says that it is a number

    await app(scope, receive, send)  # type: ignore[arg-type] # a message is a mapping of any kind
    return status


class _Measured(NamedTuple):
    """What so many at once come to: how many in a second, and milliseconds of CPU for one, here and in PostgreSQL."""

    rate: float
    python: float
    postgres: float


def _backends(cluster: EmbeddedPostgres) -> dict[int, float]:
    """Return the CPU seconds that each process of the database has used."""
    parent = cluster.pid
    if parent is None:
        raise LookupError("PostgreSQL does not run.")
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {pid: cpu_seconds(pid) for pid in map(int, children)}


async def _rate(
    cluster: EmbeddedPostgres, at_once: int, seconds: float, one: Callable[[], Awaitable[None]]
) -> _Measured:
    """Measure *one*, done by so many at once."""
    done = 0
    before, python = _backends(cluster), time.process_time()
    end = time.perf_counter() + seconds

    async def worker() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await one()
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    taken = time.perf_counter() - started
    python = time.process_time() - python
    postgres = sum(used - before.get(pid, 0.0) for pid, used in _backends(cluster).items())
    return _Measured(done / taken, python / done * 1e3, postgres / done * 1e3)


def _observation(patient: int) -> bytes:
    return orjson.dumps({
        "resourceType": "Observation", "status": "final", "effectiveDateTime": "2026-11-23T08:00:00Z",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "valueQuantity": {
            "value": random.randint(50, 120), "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min",
        },
    })  # fmt: skip


async def _writes(cluster: EmbeddedPostgres, seconds: float, at_once: int) -> None:
    connection = cluster.connection
    settings = Settings(
        base_url="http://127.0.0.1:8080/fhir", log_requests=False, secret="x" * 32, data=Path(tempfile.mkdtemp()),
        database_url=connection.owner_dsn, database_app_url=connection.app_dsn,
    )  # fmt: skip
    apps = {mode: create_app(replace(settings, audit=mode)) for mode in ("off", "on")}
    found: dict[tuple[str, str], list[_Measured]] = {}
    for app in apps.values():
        await app.start()
    for patient in range(_WARM):
        body = orjson.dumps({"resourceType": "Patient", "id": str(patient)})
        await _request(apps["off"], "PUT", f"/fhir/Patient/{patient}", body)

    for _ in range(_ROUNDS):
        for mode, app in apps.items():

            async def create(app: Application = app) -> None:
                await _request(app, "POST", "/fhir/Observation", _observation(random.randrange(_WARM)))

            async def read(app: Application = app) -> None:
                await _request(app, "GET", f"/fhir/Patient/{random.randrange(_WARM)}")

            for name, one in (("create", create), ("read", read)):
                found.setdefault((name, mode), []).append(await _rate(cluster, at_once, seconds, one))
    for app in apps.values():
        await app.stop()
    for name in ("create", "read"):
        for mode in ("off", "on"):
            rate, python, postgres = (statistics.median(column) for column in zip(*found[name, mode], strict=True))
            print(f"{name}, trail {mode}: {rate:,.0f}/s, CPU {python:.3f} ms Python, {postgres:.3f} ms PostgreSQL")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--at-once", type=int, default=8)
    given = parser.parse_args()
    with EmbeddedPostgres(Path(tempfile.mkdtemp())) as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        asyncio.run(_writes(cluster, given.seconds, given.at_once))


if __name__ == "__main__":
    main()
