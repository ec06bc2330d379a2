"""HL7 v2 outbound: how fast messages are made of FHIR resources, and sent.

    python -m benchmarks.hl7_outbound make [--seconds 5]
    python -m benchmarks.hl7_outbound send [--messages 2000] [--connections 1]

``make`` writes an ADT^A01 of an Encounter and its Patient, on one core in one process: alone, with the checks of its
fields, and with those of hl7apy as well.

``send`` starts an embedded PostgreSQL that waits for the disk and a receiver in this process that says AA to all,
queues messages of as many patients, and sends them.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table
from stanforis.audit import Record
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres
from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import open_contexts

from adapters.hl7.acknowledgement import acknowledge
from adapters.hl7.applying.worker import milliseconds
from adapters.hl7.encoding import Message
from adapters.hl7.mllp import Oversized, Peer, Reply, listen
from adapters.hl7.outbound.building import Built, Envelope, Subject, build
from adapters.hl7.outbound.checking import check
from adapters.hl7.outbound.compiling import compiled
from adapters.hl7.outbound.delivering import Delivery
from adapters.hl7.outbound.destinations import destinations
from adapters.hl7.outbound.queue import Fate, Outgoing, Queued
from adapters.hl7.store.postgres import migrations as hl7_migrations
from adapters.hl7.store.postgres.outbound import PostgresQueues
from fhir_api.store.postgres import migrations
from fhir_api.store.postgres.changes import BEGINNING, Position

VERSION = "2.5.1"
TENANT = 1
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "urn:oid:1.2.3", "value": "4711", "type": {"coding": [{"code": "MR"}]}}],
    "name": [{"family": "Uwase", "given": ["Diane", "Marie"], "use": "official"}],
    "gender": "female",
    "birthDate": "1990-01-01",
    "address": [{"line": ["KN 5 Rd"], "city": "Kigali", "country": "RWA"}],
    "telecom": [{"system": "phone", "value": "+250788000000", "use": "home"}],
}
ENCOUNTER: dict[str, Any] = {
    "resourceType": "Encounter",
    "id": "e1",
    "status": "in-progress",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
    "subject": {"reference": "Patient/p1"},
    "period": {"start": "2026-11-23T10:15:00+02:00"},
}


def made(control_id: str = "B1") -> Built:
    """Return the message."""
    names = ("organizations", "people", "practitioners", "authorities", "places", "relatives")
    related: dict[str, list[dict[str, Any]]] = {name: [] for name in names} | {"patient": [PATIENT]}
    subject = Subject(ENCOUNTER, "A01", 1_800_000_000_000, related=related)
    envelope = Envelope(("STANFORIS", "CLINIC"), ("RIS", "HOSPITAL"))
    return build(_PLAN, subject, envelope, control_id, datetime.now(UTC))


_PLAN = compiled(VERSION)["ADT_A01"]


def making(seconds: float) -> dict[str, float]:
    """Return messages a second."""
    raw = made().raw
    check(raw, VERSION)

    def rate(work: Callable[[], object]) -> float:
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            work()
            count += 1
        return count / (time.perf_counter() - start)

    return {
        "made": rate(made),
        "made, fields checked": rate(lambda: check(made().raw, VERSION, is_full=False)),
        "made, fields and hl7apy": rate(lambda: check(made().raw, VERSION)),
    }


async def keep_nothing(record: Record) -> None:
    """Keep no record: the audit trail is measured on its own."""
    del record


async def as_it_is(message: Queued) -> None:
    """Have every message sent: what the FHIR server's reads cost is measured on its own."""
    del message


async def _answer(raw: bytes | Oversized, _peer: Peer) -> Reply:
    answers = () if isinstance(raw, Oversized) else (acknowledge(Message.parse(raw), "AA").raw,)
    return Reply(answers, is_stored=True)


async def _sending(database: ConnectionInfo, folder: Path, messages: int, connections: int) -> dict[str, float]:
    listener = await listen(_answer, port=0)
    (folder / "site").mkdir()
    (folder / "site/site.yaml").write_text(
        f"name: site\ndestinations: [{{name: RIS, host: 127.0.0.1, port: {listener.port}, messages: [ADT_A01], "
        f"connections: {connections}}}]\n"
    )
    destination = destinations(folder)[0]
    queues = PostgresQueues(PoolOptions(dsn=database.app_dsn, size=8), await open_contexts(database.owner_dsn))
    queue = queues.queue(TENANT, destination.name)
    await queue.position(BEGINNING)
    waiting = [
        Outgoing(f"B{number}", "ADT^A01", f"Encounter/{number}", 1, (number,), made(f"B{number}").raw, milliseconds())
        for number in range(messages)
    ]
    begun = time.perf_counter()
    await queue.enqueue(BEGINNING, Position(1, 1, 1), waiting)
    queued = time.perf_counter() - begun
    until = asyncio.Event()
    begun = time.perf_counter()
    delivering = asyncio.create_task(Delivery(destination, queue, milliseconds, keep_nothing, as_it_is).run(until))
    while (await queue.counts())[Fate.DONE] < messages:  # noqa: ASYNC110 - other tasks send
        await asyncio.sleep(0.05)
    sent = time.perf_counter() - begun
    until.set()
    await delivering
    await queues.close()
    await listener.stop()
    return {"queued in one transaction": messages / queued, "sent and acknowledged": messages / sent}


def sending(messages: int, connections: int) -> dict[str, float]:
    """Return messages a second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "postgres") as cluster:
            migrations.upgrade(cluster.connection.owner_dsn)
            hl7_migrations.upgrade(cluster.connection.owner_dsn)
            (folder / "sites").mkdir()
            return uvloop.run(_sending(cluster.connection, folder / "sites", messages, connections))


def main() -> None:
    """Run one of the measurements and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    work = parser.add_subparsers(dest="work", required=True)
    work.add_parser("make").add_argument("--seconds", type=float, default=5)
    send = work.add_parser("send")
    send.add_argument("--messages", type=int, default=2000)
    send.add_argument("--connections", type=int, default=1)
    given = parser.parse_args()
    rates = making(given.seconds) if given.work == "make" else sending(given.messages, given.connections)
    table = Table("messages", "a second")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
