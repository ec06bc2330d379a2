"""Requests through the whole server, beside an application that only says hello.

    python -m benchmarks.http [--connections 32] [--seconds 4] [--workers 2] [--json FILE]

The difference between the two is what FHIR and the database cost; hello is what the HTTP server itself costs. CPU is
that of all processes of the server, PostgreSQL's too, for each request: on a machine that does other work as well it
says more than requests a second. The load comes from wrk where it is installed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import signal
import socket
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import uvicorn
from rich.console import Console
from rich.table import Table
from stanforis.demo.generator import bundles

from benchmarks.load import Requests, load
from benchmarks.processes import Served, stanforis, started

_PATIENTS = 20
_TURNS = 500
"""Different requests of one kind."""


async def hello(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[dict[str, Any]], Any]) -> None:
    """Answer every request with the same 1,000 bytes."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": message["type"] + ".complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-type", b"application/fhir+json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b" " * 1000})


def serve_hello(workers: int) -> None:
    """Serve :func:`hello` by as many processes, with the HTTP server that serves FHIR, until TERM."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    processes = [multiprocessing.get_context("fork").Process(target=_serve, args=(listener,)) for _ in range(workers)]
    for process in processes:
        process.start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    print(f"hello at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    signal.sigwait({signal.SIGTERM})
    for process in processes:
        process.terminate()
        process.join()


def _serve(listener: socket.socket) -> None:
    config = uvicorn.Config(hello, loop="uvloop", http="httptools", ws="none", log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def filled(served: Served) -> dict[str, list[dict[str, Any]]]:
    """Store synthetic records; return the resources by type, each with the id the server gave it."""
    parts = urlsplit(served.base)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    stored: dict[str, list[dict[str, Any]]] = {}
    for text in bundles(_PATIENTS):
        connection.request("POST", parts.path, text, {"Content-Type": "application/fhir+json"})
        answer = connection.getresponse()
        content = orjson.loads(answer.read())
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(f"the server refused a bundle: {content}")
        for sent, got in zip(orjson.loads(text)["entry"], content["entry"], strict=True):
            resource_type, logical_id = got["response"]["location"].split("/_history")[0].split("/")[-2:]
            stored.setdefault(resource_type, []).append(sent["resource"] | {"id": logical_id})
    connection.close()
    return stored


def kinds(stored: dict[str, list[dict[str, Any]]]) -> dict[str, Requests]:
    """Return the requests that are measured."""
    patients = [each["id"] for each in stored["Patient"]]
    families = [each["name"][0]["family"] for each in stored["Patient"]]
    observations = stored["Observation"][:_TURNS]
    new = [orjson.dumps(_small(number, patients[0])) for number in range(_TURNS)]
    # the status goes to and fro, so that every update changes the index a little
    changed = [
        orjson.dumps(_small(number, patients[0]) | {"id": each["id"], "status": status})
        for status in ("amended", "final")
        for number, each in enumerate(observations)
    ]
    places = [f"/Observation/{each['id']}" for each in observations]
    code = "http://loinc.org|8302-2"
    return {
        "read": Requests("GET", [f"/Observation/{each['id']}" for each in observations]),
        "search by family": Requests("GET", [f"/Patient?family={each}" for each in families]),
        "search by code": Requests("GET", [f"/Observation?code={code}&_count=20"]),
        "search by patient, newest first": Requests(
            "GET", [f"/Observation?patient={each}&_sort=-date&_count=20" for each in patients]
        ),
        "search with _include": Requests(
            "GET", [f"/Encounter?patient={each}&_include=Encounter:practitioner" for each in patients]
        ),
        "search by birthdate": Requests("GET", ["/Patient?birthdate=ge1980&_count=20"]),
        "create": Requests("POST", ["/Observation"], new),
        "update": Requests("PUT", places * 2, changed),
    }


def _small(number: int, patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"2026-03-{1 + number % 28:02d}T08:00:00Z",
        "valueQuantity": {
            "value": 60 + number % 60,
            "unit": "/min",
            "system": "http://unitsofmeasure.org",
            "code": "/min",
        },
    }


def measured(served: Served, name: str, requests: Requests, connections: int, seconds: float) -> dict[str, Any]:
    """Return the figures of one kind of request, after a second to warm up."""
    load(served.base, requests, connections=connections, seconds=1)
    before = served.cpu_seconds()
    found = load(served.base, requests, connections=connections, seconds=seconds)
    after = served.cpu_seconds()
    cpu = {kind: (after[kind] - before[kind]) / max(1, found.requests) * 1e3 for kind in after}
    return {"name": name, "cpu_ms": sum(cpu.values()), "postgres_ms": cpu["postgres"], **asdict(found)}


def run(connections: int, seconds: float, workers: int) -> dict[str, Any]:
    """Measure hello and every kind of request."""
    with started(["-m", "benchmarks.http", "--hello", "--workers", str(workers)], "hello at ") as served:
        rows = [measured(served, "hello", Requests("GET", ["/"]), connections, seconds)]
    with (
        tempfile.TemporaryDirectory(prefix="stanforis-bench-") as folder,
        started(stanforis(Path(folder) / "data", workers), "FHIR R4 at ") as served,
    ):
        idle = served.mebibytes()
        stored = filled(served)
        rows += [measured(served, name, each, connections, seconds) for name, each in kinds(stored).items()]
        busy = served.mebibytes()
    return {"requests": rows, "idle_mebibytes": idle, "mebibytes_after": busy}


def show(results: dict[str, Any]) -> None:
    """Print the figures."""
    table = Table(*("request", "CPU ms", "of it PostgreSQL", "a second", "p50 ms", "p99 ms", "errors"))
    for row in results["requests"]:
        numbers = (f"{row[key]:,.2f}" for key in ("cpu_ms", "postgres_ms", "per_second", "p50_ms", "p99_ms"))
        table.add_row(row["name"], *numbers, str(row["errors"]))
    console = Console()
    console.print(table)
    for name in ("idle_mebibytes", "mebibytes_after"):
        console.print(f"{name}: " + ", ".join(f"{part} {size:.0f}" for part, size in results[name].items()))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write all figures here as well")
    parser.add_argument("--hello", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.hello:
        serve_hello(arguments.workers)
        return
    results = run(arguments.connections, arguments.seconds, arguments.workers)
    show(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
