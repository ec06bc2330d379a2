"""How long it takes to say who saw a record in a trail of many million accesses, and to verify all of it.

    python -m benchmarks.audit_trail [--events 10000000] [--folder FOLDER] [--patients-asked 300]

Invented accesses to invented patients, 50 each, spread over eleven months, lie in the form that the server stores:
batches with their terms, seals that chain them. The batches are made by the server's code and stored by COPY. With
``--folder`` the database stays, and is used again as it is by the next call.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
from stanforis.audit.batches import Batch, Seal, audit_key, make_batch, make_seal
from stanforis.audit.looking import Asked, look_up
from stanforis.audit.port import NUMBER_BITS
from stanforis.audit.postgres import PostgresAuditStore
from stanforis.audit.records import Record, Who
from stanforis.audit.terms import Kind, said_by
from stanforis.audit.verifying import verify
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.tenancy.contexts import open_contexts

from fhir_api.store.postgres import migrations

_KEY = audit_key(b"a secret for measurements only, of no installation")
_TENANT = 1
_EVENTS_A_BATCH = 100
_BATCHES_A_SEAL = 20
_ACCESSES_A_PATIENT = 50
_PEOPLE = 500
_DAYS = 330
_DAY = 86_400_000
_AT_ONCE = 500
_TABLES = ("batch", "term", "seal")
_SIZES = """
SELECT parent, sum(pg_table_size(oid))::bigint AS rows, sum(pg_indexes_size(oid))::bigint AS indexes
FROM (SELECT c.oid, substring(c.relname FROM '^[a-z]+') AS parent FROM pg_class c
      WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind = 'r') found
WHERE parent IN ('batch', 'term', 'seal') GROUP BY parent ORDER BY parent
"""


def _events(chance: random.Random, patients: int, at: int) -> list[Record]:
    people = ((chance.randrange(_PEOPLE), chance.randrange(patients)) for _ in range(_EVENTS_A_BATCH))
    return [
        Record(
            at, "read", "R", 200, Who(f"subject-{number}", "practitioner", "ward", f"Practitioner/{number}"),
            f"{chance.getrandbits(64):016x}", "GET", "/{type}/{id}", "", (f"Patient/{patient}",), (), (str(patient),),
        )
        for number, patient in people
    ]  # fmt: skip


def _batches(events: int, began: int) -> Iterator[tuple[int, Batch]]:
    """Yield batches with their numbers, the oldest first."""
    chance = random.Random(1)
    patients = events // _ACCESSES_A_PATIENT
    count = events // _EVENTS_A_BATCH
    for done in range(count):
        at = began + _DAYS * _DAY * done // count
        yield at << NUMBER_BITS | done, make_batch(_KEY, _TENANT, _events(chance, patients, at), at)


async def _fill(connection: asyncpg.Connection, events: int) -> None:
    """Store batches, their terms and their seals; the marker of a batch is its place."""
    began = time.time_ns() // 1_000_000 - _DAYS * _DAY
    for day in range(0, _DAYS + 31, 28):
        await connection.execute("SELECT audit.make_month($1)", began + day * _DAY)
    for table in _TABLES:
        await connection.execute(f"ALTER TABLE audit.{table} DISABLE ROW LEVEL SECURITY")
    await connection.execute("UPDATE audit.era SET added = $1", events)
    before: Seal | None = None
    pending: list[tuple[int, Batch]] = []
    marker = 0
    for each in _batches(events, began):
        pending.append(each)
        if len(pending) == _AT_ONCE:
            before = await _store(connection, pending, marker, before)
            marker += len(pending)
            pending.clear()
    await _store(connection, pending, marker, before)
    for table in _TABLES:
        await connection.execute(f"ALTER TABLE audit.{table} ENABLE ROW LEVEL SECURITY")
    await connection.execute("VACUUM ANALYZE audit.batch, audit.term, audit.seal")


async def _store(
    connection: asyncpg.Connection, batches: list[tuple[int, Batch]], first: int, before: Seal | None
) -> Seal | None:
    """Store batches and return the last seal over them."""
    rows = [
        (_TENANT, number, marker, batch.events, batch.mac, batch.body)
        for marker, (number, batch) in enumerate(batches, first)
    ]
    await connection.copy_records_to_table("batch", schema_name="audit", records=rows)
    terms = [(_TENANT, term, number) for number, batch in batches for term in batch.terms]
    await connection.copy_records_to_table("term", schema_name="audit", records=terms)
    seals: list[Seal] = []
    for place in range(0, len(batches), _BATCHES_A_SEAL):
        sealed = [(number, batch.mac) for number, batch in batches[place : place + _BATCHES_A_SEAL]]
        at = batches[place][1].at
        before = make_seal(_KEY, _TENANT, before, at, first + place + len(sealed), sealed)
        seals.append(before)
    await connection.copy_records_to_table(
        "seal", schema_name="audit",
        records=[(_TENANT, seal.number, seal.at, seal.low, seal.high, seal.batches, seal.mac) for seal in seals],
    )  # fmt: skip
    return before


async def _measure(connection: ConnectionInfo, events: int, asked: int) -> None:
    owner = await asyncpg.connect(connection.owner_dsn)
    if not await owner.fetchval("SELECT EXISTS (SELECT FROM audit.seal)"):
        started = time.perf_counter()
        await _fill(owner, events)
        print(f"{events:,} events stored in {time.perf_counter() - started:.0f} s", flush=True)
    for parent, rows, indexes in await owner.fetch(_SIZES):
        print(f"{parent}: {rows / events:.1f} + {indexes / events:.1f} bytes an event, with indexes", flush=True)
    await owner.close()
    pool = Pool(PoolOptions(connection.app_dsn, role="stanforis_app", statement_milliseconds=0))
    store = PostgresAuditStore(pool, await open_contexts(connection.owner_dsn))
    chance = random.Random(7)
    patients = [str(chance.randrange(events // _ACCESSES_A_PATIENT)) for _ in range(asked)]
    for name in ("first", "again"):
        times = sorted([await _asked(store, patient) for patient in patients])
        p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
        print(f"who saw a record, {name}: p50 {p50:.1f}, p99 {p99:.1f}, worst {times[-1]:.1f} ms", flush=True)
    started = time.perf_counter()
    verdict = await verify(store, _KEY, _TENANT, None, lambda _: None)
    seconds = time.perf_counter() - started
    print(f"verified {verdict.events:,} events under {verdict.seals:,} seals in {seconds:.0f} s: {verdict.is_sound}")
    await pool.close()


async def _asked(store: PostgresAuditStore, patient: str) -> float:
    """Return the milliseconds that it takes to find every access to a patient."""
    said = (Kind.PATIENT, patient)
    started = time.perf_counter()
    page = await look_up(store, _TENANT, Asked((said,), fits=lambda found: said in said_by(found.record)), 1000)
    taken = (time.perf_counter() - started) * 1000
    if not page.found:
        raise LookupError(patient)
    return taken


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where the database stays; by default it is removed")
    parser.add_argument("--patients-asked", type=int, default=300)
    given = parser.parse_args()
    folder: AbstractContextManager[str] = TemporaryDirectory() if given.folder is None else nullcontext(given.folder)
    with folder as name, EmbeddedPostgres(Path(name) / "postgres") as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        asyncio.run(_measure(cluster.connection, given.events, given.patients_asked))


if __name__ == "__main__":
    main()
