"""The PostgreSQL store with many resources: what filling costs, and each kind of search at two sizes.

    python -m benchmarks.store [--sizes 50000 500000] [--data DIR] [--folder DIR] [--only WORD …] [--json FILE]

Without ``--data`` (a folder of transaction bundles) the records are synthetic. Bundles are stored as often as is
needed, as copies: fresh ids and identifiers, other dates. ``--folder`` keeps the database, and a later run goes on
with what is there. CPU is the backend's and this process's own, one request at a time; pages are counted by EXPLAIN
with the generic plan that the server uses too.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.tenancy.contexts import open_contexts

from benchmarks import stored as stored_already
from benchmarks.cost import Cost, cost, cpu_seconds, pages
from benchmarks.filling import writes_of
from benchmarks.samples import copy, texts
from benchmarks.searches import Values, chosen, kinds
from benchmarks.write_path import WritePath
from fhir_api.model.keys import ResourceKey
from fhir_api.search.query import Query
from fhir_api.store.port import HistoryQuery, TenantStore, Write
from fhir_api.store.postgres import migrations
from fhir_api.store.postgres.opening import open_stores

_PATIENTS = 300
Statement = tuple[str, tuple[Any, ...]]


@dataclass(slots=True)
class Bench:
    """An open store, the connection its requests take, and what it holds.

    Attributes:
        store: the tenant's.
        pool: of one connection, so that its backend's CPU is the requests'.
        backend: that connection's process id.
        path: makes writes and queries.
        values: what can be searched for.
    """

    store: TenantStore
    pool: Pool
    backend: int
    path: WritePath
    values: Values = field(default_factory=Values)

    def query(self, url: str) -> Query:
        """Return a search URL as a query."""
        resource_type, _, parameters = url.partition("?")
        pairs = parse_qsl(parameters.replace("+", "%2B"), keep_blank_values=True)
        return self.path.definitions.parse_search(resource_type, pairs).query

    async def statements(self, work: Callable[[int], Any]) -> list[Statement]:
        """Return what one request asks PostgreSQL."""
        noted: list[Statement] = []

        def note(query: Any) -> None:
            # an estimate asks for a plan, which touches no pages
            if not query.query.startswith("EXPLAIN "):
                noted.append((query.query, query.args))

        async with self.pool.acquire() as connection:
            connection.add_query_logger(note)
        try:
            await work(0)
            # the logger is called by the event loop, a little later
            await asyncio.sleep(0.01)
        finally:
            async with self.pool.acquire() as connection:
                connection.remove_query_logger(note)
        return noted


@asynccontextmanager
async def opened(connection: ConnectionInfo) -> AsyncIterator[Bench]:
    """Open the store over one connection."""
    path = WritePath()
    stores = await open_stores(
        PoolOptions(connection.app_dsn, size=1),
        path.definitions.search,
        path.definitions.extractor,
        contexts=await open_contexts(connection.owner_dsn),
    )
    pool = stores.shared.pool
    async with pool.acquire() as first:
        backend = first.get_server_pid()
    yield Bench(stores.for_tenant(stored_already.TENANT), pool, backend, path)
    await stores.close()


async def fill(bench: Bench, bundles: Iterator[bytes], stored: int, size: int) -> dict[str, float]:
    """Store bundles until there are *size* resources; return what one resource cost, in milliseconds and a second."""
    begin, client, postgres = time.perf_counter(), time.process_time(), cpu_seconds(bench.backend)
    first = stored
    preparing = 0.0
    with Progress(transient=True) as progress:
        task = progress.add_task(f"storing up to {size:,} resources", total=size, completed=stored)
        while stored < size:
            raw = next(bundles)
            before = time.process_time()
            writes = prepared(bench, raw)
            preparing += time.process_time() - before
            await bench.store.write(writes)
            stored += len(writes)
            progress.update(task, completed=stored)
    count = max(1, stored - first)
    return {
        "resources": stored,
        "per_second": count / (time.perf_counter() - begin),
        "client_ms": (time.process_time() - client) / count * 1e3,
        "of_which_preparing_ms": preparing / count * 1e3,
        "postgres_ms": (cpu_seconds(bench.backend) - postgres) / count * 1e3,
    }


def prepared(bench: Bench, raw: bytes) -> list[Write]:
    """Return the writes of a transaction bundle under fresh ids, and note what can be searched for in it."""
    writes = writes_of(bench.path, raw)
    for write in writes:
        bench.values.note(write.key.resource_type, write.key.logical_id, orjson.loads(write.body))
    return writes


def endless(folder: Path | None, first_seed: int) -> Iterator[bytes]:
    """Yield bundles for ever: copies of those of *folder*, or ever new synthetic ones."""
    for seed in itertools.count(first_seed):
        for text in texts(folder, _PATIENTS, seed):
            yield text if folder is None else copy(text, seed)


async def measured(bench: Bench, name: str, work: Callable[[int], Any], seconds: float) -> dict[str, Any]:
    """Return the figures of one kind of request."""
    result = await work(0)
    touched = -1
    statements = await bench.statements(work)
    async with bench.pool.acquire() as connection:
        touched = await pages(connection, statements)
    found: Cost = await cost(work, bench.backend, seconds=seconds)
    return {"name": name, "matches": result, "statements": len(statements), "pages": touched, **asdict(found)}


def searching(bench: Bench, make: Callable[[int], str]) -> Callable[[int], Any]:
    """Return the work of one kind of search; it gives the number of resources on the page, or the total."""

    async def search(number: int) -> int:
        query = bench.query(make(number))
        page = await bench.store.search(query)
        if query.count == 0:
            return page.total or 0
        return len(page.matches) + len(page.included)

    return search


def reading(bench: Bench) -> dict[str, Callable[[int], Any]]:
    """Return reads by id, and histories."""
    ids = bench.values.encounters

    async def read(number: int) -> int:
        return int(await bench.store.current(ResourceKey("Encounter", ids[number % len(ids)])) is not None)

    async def history(number: int) -> int:
        page = await bench.store.history(HistoryQuery("Encounter", ids[number % len(ids)], count=20))
        return len(page.matches)

    return {"read": read, "history of a resource": history}


async def measure(bench: Bench, seconds: float, words: Sequence[str]) -> list[dict[str, Any]]:
    """Return the figures of every kind of request; one that the store refuses is named with the reason."""
    works = {name: searching(bench, make) for name, make in chosen(kinds(bench.values), words)}
    if not words:
        works = reading(bench) | works
    rows: list[dict[str, Any]] = []
    for name, work in works.items():
        try:
            rows.append(await measured(bench, name, work, seconds))
        except Exception as error:  # noqa: BLE001 - one search that fails must not hide the others' figures
            rows.append({"name": name, "failed": f"{type(error).__name__}: {error}"[:200]})
    return rows


async def run(arguments: argparse.Namespace, connection: ConnectionInfo) -> dict[str, Any]:
    """Fill and measure at each size."""
    results: list[dict[str, Any]] = []
    async with opened(connection) as bench:
        stored = await stored_already.count(connection.owner_dsn)
        await stored_already.note(connection.owner_dsn, bench.values)
        # other seeds than those of what is there, so that nobody comes twice
        bundles = endless(arguments.data, first_seed=stored)
        for size in sorted(arguments.sizes):
            filled = await fill(bench, bundles, stored, size)
            stored = int(filled["resources"])
            sizes = await stored_already.ready(connection.owner_dsn)
            rows = await measure(bench, arguments.seconds, arguments.only)
            results.append({"stored": stored, "fill": filled, "mebibytes": sizes, "requests": rows})
    return {"sizes": results}


def show(results: dict[str, Any]) -> None:
    """Print the figures of the greatest size, and how much they grew from the smallest."""
    console = Console(width=140, soft_wrap=False)
    first, last = results["sizes"][0], results["sizes"][-1]
    for size in results["sizes"]:
        figures = ", ".join(f"{name} {value:,.3f}" for name, value in size["fill"].items())
        console.print(f"filled: {figures}; MiB: {size['mebibytes']}")
    table = Table(*("request", "found", "PG ms", "client ms", "p50 ms", "p99 ms", "pages", "PG growth"))
    before = {row["name"]: row for row in first["requests"]}
    for row in last["requests"]:
        if "failed" in row:
            table.add_row(row["name"], row["failed"])
            continue
        earlier = before.get(row["name"], {}).get("postgres_ms")
        growth = f"{row['postgres_ms'] / earlier:.1f}" if earlier else ""
        numbers = (f"{row[key]:.3f}" for key in ("postgres_ms", "client_ms", "p50_ms", "p99_ms"))
        table.add_row(row["name"], str(row["matches"]), *numbers, str(row["pages"]), growth)
    console.print(table)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50_000, 500_000])
    parser.add_argument("--data", type=Path, help="folder of transaction bundles; without it they are generated")
    parser.add_argument("--folder", type=Path, help="where the database is made; without it a temporary folder")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each kind of request is measured")
    parser.add_argument("--only", nargs="*", default=[], help="only searches with one of these words in their name")
    parser.add_argument("--json", type=Path, help="write all figures here as well")
    arguments = parser.parse_args()
    temporary = tempfile.TemporaryDirectory(prefix="stanforis-bench-") if arguments.folder is None else nullcontext()
    with temporary as made, EmbeddedPostgres(arguments.folder or Path(str(made))) as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        results = asyncio.run(run(arguments, cluster.connection))
    show(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
