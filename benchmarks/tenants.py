"""What many tenants cost one process: memory, CPU while nobody asks, and the first request of a tenant.

    python -m benchmarks.tenants [--tenants N] [--idle SECONDS]

One process on a database of its own. Each tenant is asked once for a Patient, with a token, and once for the keys of
its authorization server; then nobody asks.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import asyncpg
import httpx
from stanforis.settings import Settings
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres

from adapters.hl7.store.postgres import migrations as hl7
from fhir_api.app import Application, create_app
from fhir_api.store.postgres import migrations
from identity.access.hosting.authority import Authority
from identity.access.hosting.owner import owner_key, owner_token
from identity.access.store import migrations as access

SITE = "http://127.0.0.1:8080"
_FILL = (
    "INSERT INTO tenancy.tenant (slug, name, state) SELECT 'many-' || n, 'Many', 'active' FROM generate_series(1, $1) n"
)
_STATEMENTS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


def memory() -> float:
    """Return the MiB of this process that no other one shares."""
    gc.collect()
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


class Asking:
    """Asks as the owner, without a socket."""

    def __init__(self, app: Application, folder: Path) -> None:
        """Ask *app*, whose data folder is *folder*."""
        self._key = owner_key(folder)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=SITE)

    async def all(self, tenants: Sequence[int]) -> list[float]:
        """Ask for each tenant's Patients and metadata, and return the milliseconds of the first."""
        found = []
        for tenant in tenants:
            headers = {"authorization": f"Bearer {owner_token(self._key, f'{SITE}/fhir', tenant=tenant)}"}
            began = time.perf_counter()
            answer = await self._client.get(f"/t/{tenant}/fhir/Patient/p", headers=headers)
            found.append((time.perf_counter() - began) * 1000)
            metadata = await self._client.get(f"/t/{tenant}/auth/jwks")
            if (answer.status_code, metadata.status_code) != (404, 200):
                raise SystemExit(f"tenant {tenant}: {answer.status_code}, {metadata.status_code}")
        return found


async def measure(database: ConnectionInfo, folder: Path, count: int, idle: float) -> None:
    """Print the figures of *count* tenants and *idle* seconds without requests."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(_FILL, count)
    tenants = [row[0] for row in await owner.fetch("SELECT tenant_id FROM tenancy.tenant ORDER BY tenant_id")]
    settings = Settings(
        data=folder,
        base_url=f"{SITE}/fhir",
        database_url=database.owner_dsn,
        database_app_url=database.app_dsn,
        log_requests=False,
    )
    app = create_app(settings, access=Authority(settings))
    await app.start()
    asking = Asking(app, folder)
    await asking.all(tenants[:1])
    before = memory()
    cold = await asking.all(tenants[1:])
    after = memory()
    warm = await asking.all(tenants[-20:])
    used, statements = resource.getrusage(resource.RUSAGE_SELF), await owner.fetchval(_STATEMENTS)
    await asyncio.sleep(idle)
    now = resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    statements = await owner.fetchval(_STATEMENTS) - statements
    print(f"tenants                          {len(tenants)}")
    print(f"memory with one                  {before:.0f} MiB, with all asked {after:.0f} MiB")
    print(
        f"first request of a tenant        p50 {median(cold):.1f} ms, p95 {sorted(cold)[len(cold) * 19 // 20]:.1f} ms"
    )
    print(f"of one asked before              p50 {median(warm):.1f} ms")
    print(f"while nobody asks                {cpu / idle * 100:.1f} % CPU, {statements / idle:.1f} transactions/s")
    await app.stop()
    await owner.close()


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--idle", type=float, default=30.0)
    asked = parser.parse_args()
    with TemporaryDirectory() as name, EmbeddedPostgres(Path(name) / "pg", durable=False) as cluster:
        dsn = cluster.connection.owner_dsn
        migrations.upgrade(dsn)
        hl7.upgrade(dsn)
        access.upgrade(dsn)
        asyncio.run(measure(cluster.connection, Path(name) / "data", asked.tenants, asked.idle))


if __name__ == "__main__":
    main()
