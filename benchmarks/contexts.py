"""What signed contexts of tenants cost a point read.

    python -m benchmarks.contexts [--rounds 100] [--json]

One statement, the server's own that reads a resource by its key, on copies of a table whose policies differ: a plain
setting, which anybody could forge; a context that is verified for each statement; one that the session was told of. By
turns, some statements each. CPU is the backend's, p50 is what the driver sees.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import orjson
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres
from stanforis.tenancy.contexts import open_contexts

from fhir_api.store.postgres import migrations
from fhir_api.store.postgres.reads import CURRENT

_ROWS = 3000
_WARM, _COUNTED = 20, 60
_POLICIES = {
    "plain setting": "(SELECT split_part(current_setting('stanforis.tenant', true), '.', 1)::integer)",
    "verified for each statement": "(SELECT tenancy.current())",
    "admitted": "(SELECT c.tenant FROM tenancy.context c)",
}
_VALUES = {"integer": "1", "bigint": "n", "smallint": "1", "text": "'p' || n", "bytea": "'x'::bytea"}


def _cpu(process: int) -> float:
    """Return the microseconds of CPU that a process has used."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1000


async def _copies(owner: asyncpg.Connection) -> None:
    """Make a copy of the table for each policy."""
    columns = await owner.fetch(
        "SELECT attname, atttypid::regtype::text AS kind FROM pg_attribute "
        "WHERE attrelid = 'fhir.resource'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    row = ", ".join("1" if name == "tenant_id" else _VALUES[kind] for name, kind in columns)
    for number, policy in enumerate(_POLICIES.values()):
        copy = f"fhir.copy{number}"
        await owner.execute(f"CREATE TABLE {copy} (LIKE fhir.resource INCLUDING ALL)")
        await owner.execute(f"INSERT INTO {copy} SELECT {row} FROM generate_series(1, {_ROWS}) n")  # noqa: S608 - ours
        await owner.execute(
            f"ALTER TABLE {copy} ENABLE ROW LEVEL SECURITY;"
            f"CREATE POLICY everyone ON {copy} USING (true);"
            f"CREATE POLICY own_tenant ON {copy} AS RESTRICTIVE USING (tenant_id = {policy});"
            f"GRANT SELECT ON {copy} TO stanforis_app"
        )
        await owner.execute(f"VACUUM ANALYZE {copy}")


async def _measured(connection: ConnectionInfo, rounds: int) -> dict[str, dict[str, float]]:
    owner = await asyncpg.connect(connection.owner_dsn)
    await _copies(owner)
    await owner.close()
    contexts = await open_contexts(connection.owner_dsn)
    session = await asyncpg.connect(
        connection.app_dsn, server_settings={"role": "stanforis_app", "plan_cache_mode": "force_generic_plan"}
    )
    statements = {
        name: await session.prepare(CURRENT.replace("fhir.resource", f"fhir.copy{number}"))
        for number, name in enumerate(_POLICIES)
    }
    cpu: dict[str, list[float]] = {name: [] for name in _POLICIES}
    seen: dict[str, list[float]] = {name: [] for name in _POLICIES}
    for _ in range(rounds):
        context = await contexts.admitted(session, 1)
        for name, statement in statements.items():
            await _reads(statement, context, _WARM)
            before = _cpu(session.get_server_pid())
            seen[name] += await _reads(statement, context, _COUNTED)
            cpu[name].append((_cpu(session.get_server_pid()) - before) / _COUNTED)
    await session.close()
    return {
        name: {"cpu": statistics.quantiles(cpu[name], n=4)[0], "p50": statistics.median(seen[name])}
        for name in _POLICIES
    }


async def _reads(statement: asyncpg.prepared_stmt.PreparedStatement, context: str, count: int) -> list[float]:
    """Read some resources and return the microseconds that each took."""
    times: list[float] = []
    for _ in range(count):
        number = random.randint(1, _ROWS)
        started = time.perf_counter()
        rows = await statement.fetch(context, number, 1, f"p{number}")
        times.append((time.perf_counter() - started) * 1e6)
        if len(rows) != 1:
            raise LookupError(number)
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    with TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres", durable=False) as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        found = asyncio.run(_measured(cluster.connection, given.rounds))
    if given.json:
        print(orjson.dumps(found).decode())
        return
    plain = found["plain setting"]
    for name, figures in found.items():
        told = (f"{kind} {value:.1f} µs ({value / plain[kind] - 1:+.0%})" for kind, value in figures.items())
        print(f"{name}: {', '.join(told)}")


if __name__ == "__main__":
    main()
