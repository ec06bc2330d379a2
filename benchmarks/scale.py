"""The whole server with very many resources: CPU and waiting time of each kind of search, at two sizes.

    python -m benchmarks.scale --folder DIR [--data DIR] [--sizes 200000 2000000] [--only WORD …] [--json FILE]

Each size has a database of its own in a folder below ``--folder``, which is kept: one that holds enough already is
measured at once. The records are those of ``--data`` (a folder of transaction bundles, such as Synthea's) again and
again: every copy is of other patients with other ids and identifiers, and lies some weeks earlier, up to ten years.
Beyond 200,000 resources the database is multiplied inside PostgreSQL (see ``benchmarks.multiplying``).
Requests come over 16 connections; CPU is that of all processes of the server and of PostgreSQL, for each request.
Beside each search stands what a read of pgbench cost in the second before: twice as much, and the machine was twice as
dear.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from stanforis.settings import Settings
from stanforis.storage.embedded import EmbeddedPostgres

from benchmarks import stored
from benchmarks.calibration import Calibration
from benchmarks.filling import fill
from benchmarks.load import Requests, load
from benchmarks.multiplying import multiply
from benchmarks.processes import Served, stanforis, started
from benchmarks.searches import Kinds, Values, kinds
from fhir_api.definitions import CompiledDefinitions
from fhir_api.store.postgres import migrations

_TURNS = 200
"""Different requests of one kind."""
_STORED = 200_000
"""So many resources are stored as a client's are; more are copies of these, made inside PostgreSQL."""
_LONG = 4000
"""Characters of a URL from which on the search is sent as a form."""

WANTED = (
    "identifier, system|value",
    "identifier, value alone",
    "code, frequent",
    "code, rare",
    "code and year",
    "patient and code, newest first",
    "family, beginning",
    "value-quantity with its unit",
    "code-value-quantity",
    "_has, frequent code",
    "_has, rare code",
    "_has, condition, frequent",
    "_has, condition, rare",
    "two hops, frequent",
    "two hops: encounter.subject.family",
    "two hops, rare",
    "2,000 identifiers",
    "_include and _revinclude",
    "count, 150,000 hits",
    "page and estimate",
    "code and value-quantity",
    "patients by family",
    "code:missing",
    "newest of all",
)
"""What issue and documentation give figures for."""


def wanted(values: Values, words: Sequence[str]) -> Kinds:
    """Return the searches that are measured: those of *words*, else all of :data:`WANTED`."""
    made = kinds(values)
    return {name: made[name] for name in WANTED if not words or any(word in name for word in words)}


def requests(make: Callable[[int], str]) -> Requests:
    """Return the requests of one kind; those whose URL would be long are sent as forms."""
    paths = list(dict.fromkeys(make(number) for number in range(_TURNS)))
    if len(paths[0]) < _LONG:
        return Requests("GET", [f"/{path}" for path in paths])
    resource_type, _, form = paths[0].partition("?")
    return Requests("POST", [f"/{resource_type}/_search"], [form.encode()], "application/x-www-form-urlencoded")


def measured(
    served: Served, calibration: Calibration, name: str, asked: Requests, connections: int, seconds: float
) -> dict[str, Any]:
    """Return the figures of one kind of search, after a moment to warm up."""
    pgbench = calibration.microseconds(served)
    load(served.base, asked, connections=connections, seconds=1)
    before = served.cpu_seconds()
    found = load(served.base, asked, connections=connections, seconds=seconds)
    after = served.cpu_seconds()
    cpu = {kind: (after[kind] - before[kind]) / max(1, found.requests) * 1e3 for kind in after}
    figures = {"cpu_ms": sum(cpu.values()), "postgres_ms": cpu["postgres"], "pgbench_us": pgbench}
    return {"name": name, **figures, **asdict(found)}


def filled(folder: Path, data: Path | None, size: int) -> tuple[Values, dict[str, Any]]:
    """Fill the database of *folder* up to *size*; return what can be searched for, and what filling came to."""
    values = Values()
    with EmbeddedPostgres(folder) as cluster:
        owner = cluster.connection.owner_dsn
        migrations.upgrade(owner)
        there = asyncio.run(stored.count(owner))
        result: dict[str, Any] = {"resources": there}
        if there < size:
            result = {**fill(cluster.connection, data, there, min(size, _STORED), os.cpu_count() or 1)}
            times = -(-size // max(1, int(result["resources"])))
            if times > 1:
                asyncio.run(multiply(cluster.connection, times, CompiledDefinitions(Settings()).search))
                result["resources"] *= times
            result["mebibytes"] = asyncio.run(stored.ready(owner))
        asyncio.run(stored.note(owner, values))
    return values, result


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Fill and measure each size."""
    for size in sorted(arguments.sizes):
        folder = arguments.folder / str(size)
        values, result = filled(folder, arguments.data, size)
        if arguments.fill:
            yield {**result, "requests": []}
            continue
        with started(stanforis(folder, os.cpu_count() or 1), "FHIR R4 at ") as served:
            calibration = Calibration(folder)
            rows = [
                measured(served, calibration, name, requests(make), arguments.connections, arguments.seconds)
                for name, make in wanted(values, arguments.only).items()
            ]
        yield {**result, "requests": rows}


def show(results: Sequence[dict[str, Any]]) -> None:
    """Print the figures of the greatest size, and how much they grew from the smallest."""
    console = Console(width=120)
    for result in results:
        console.print(", ".join(f"{name} {value}" for name, value in result.items() if name != "requests"))
    before = {row["name"]: row["cpu_ms"] for row in results[0]["requests"]}
    table = Table(
        *("request", "CPU ms", "of it PostgreSQL", "growth", "a second", "p50 ms", "p99 ms", "errors", "pgbench µs")
    )
    for row in results[-1]["requests"]:
        growth = row["cpu_ms"] / before[row["name"]] if before.get(row["name"]) else 1
        numbers = (row["cpu_ms"], row["postgres_ms"], growth, row["per_second"], row["p50_ms"], row["p99_ms"])
        shown = (f"{number:,.2f}" for number in numbers)
        table.add_row(row["name"], *shown, str(row["errors"]), f"{row['pgbench_us']:.0f}")
    console.print(table)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, required=True, help="where the databases are made, and kept")
    parser.add_argument("--data", type=Path, help="folder of transaction bundles; without it they are generated")
    parser.add_argument("--sizes", type=int, nargs="+", default=[200_000, 2_000_000])
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4, help="how long each kind of search is measured")
    parser.add_argument("--only", nargs="*", default=[], help="only searches with one of these words in their name")
    parser.add_argument("--fill", action="store_true", help="fill the databases, measure nothing")
    parser.add_argument("--json", type=Path, help="write all figures here as well")
    arguments = parser.parse_args()
    results = list(run(arguments))
    show(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
