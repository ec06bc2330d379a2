"""Single creates and updates of a small Observation: CPU of Python and of PostgreSQL, alone and many at once.

    python -m benchmarks.single_writes [--at-once 1 4 8 16] [--stored 20000] [--seconds 2] [--no-flush]

Writes that come at once share a call of the database, see ``fhir_api/store/postgres/gathering.py``; one process of the
server with as many clients does the same. No HTTP: from the bytes of the resource to the version that is stored.
``--no-flush`` leaves out the wait for the disk (``synchronous_commit=off``), which costs the backend CPU as well.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres

from benchmarks.cost import cost
from benchmarks.store import Bench, endless, fill, opened
from benchmarks.stored import ready
from fhir_api.model.keys import ResourceKey, new_logical_id
from fhir_api.model.resource import body, parse
from fhir_api.model.versions import Change
from fhir_api.store.port import Expect, Write
from fhir_api.store.postgres import migrations

_TARGETS = 512


def observation(number: int, minute: int) -> bytes:
    """Return a heart rate: *number* gives patient and value, *minute* the time."""
    tree = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                  "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}],
                 "text": "Heart rate"},
        "effectiveDateTime": f"2024-03-{minute // 1440 % 28 + 1:02d}T{minute // 60 % 24:02d}:{minute % 60:02d}:00Z",
        "subject": {"reference": f"Patient/p{number % 120}"},
        "valueQuantity": {"value": 50 + number % 100, "unit": "/min", "system": "http://unitsofmeasure.org",
                          "code": "/min"},
    }  # fmt: skip
    return orjson.dumps(tree)


class Writers:
    """The kinds of writes."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._numbers = itertools.count()
        self._targets = [ResourceKey("Observation", new_logical_id()) for _ in range(_TARGETS)]

    async def prepare(self) -> None:
        """Store what the updates change."""
        await self._bench.store.write(
            [self._write(key, Change.CREATE, observation(place, 0)) for place, key in enumerate(self._targets)]
        )

    def _write(self, key: ResourceKey, change: Change, text: bytes) -> Write:
        resource = parse(text)
        if issues := self._bench.path.definitions.check(resource):
            raise ValueError(issues[0].diagnostics)
        entries = self._bench.path.definitions.extract(resource)
        expected = Expect.ABSENT if change is Change.CREATE else Expect.ANYTHING
        return Write(key, change, body(resource, key), entries, expected, skip_unchanged=change is Change.UPDATE)

    async def create(self) -> None:
        """A new resource."""
        number = next(self._numbers)
        key = ResourceKey("Observation", new_logical_id())
        await self._bench.store.write([self._write(key, Change.CREATE, observation(number, number))])

    async def _update(self, make: Callable[[int, int], bytes]) -> None:
        number = next(self._numbers)
        place, turn = number % _TARGETS, number // _TARGETS
        await self._bench.store.write([self._write(self._targets[place], Change.UPDATE, make(place, turn))])

    async def update_date(self) -> None:
        """Another date and value: every index row moves."""
        await self._update(lambda place, turn: observation(place + turn, turn))

    async def update_value(self) -> None:
        """Another value on the same date."""
        await self._update(lambda place, turn: observation(place + 120 * turn, 0))

    async def update_nothing(self) -> None:
        """Another text, which no search parameter looks at."""
        await self._update(lambda place, turn: observation(place, 0).replace(b"Heart rate", b"Pulse %d" % turn))


async def measured(bench: Bench, at_once: list[int], seconds: float) -> list[dict[str, Any]]:
    """Return the figures of each kind of write and each number of writes at once."""
    writers = Writers(bench)
    await writers.prepare()
    rows: list[dict[str, Any]] = []
    kinds = {"create": writers.create, "update, date moves": writers.update_date,
             "update, value only": writers.update_value, "update, no index row": writers.update_nothing}  # fmt: skip
    for name, write in kinds.items():
        for width in at_once:

            async def work(_: int, write: Callable[[], Any] = write, width: int = width) -> None:
                await asyncio.gather(*(write() for _ in range(width)))

            found = await cost(work, bench.backend, seconds=seconds)
            rows.append({
                "name": name, "at_once": width, "postgres_ms": found.postgres_ms / width,
                "client_ms": found.client_ms / width, "p50_ms": found.p50_ms,
            })  # fmt: skip
    return rows


async def run(arguments: argparse.Namespace, connection: ConnectionInfo) -> list[dict[str, Any]]:
    """Fill the store and measure."""
    async with opened(connection) as bench:
        await fill(bench, endless(None, first_seed=1), 0, arguments.stored)
        await ready(connection.owner_dsn)
        if arguments.no_flush:
            async with bench.pool.acquire() as held:
                await held.execute("SET synchronous_commit = off")
        return await measured(bench, arguments.at_once, arguments.seconds)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--stored", type=int, default=20_000, help="resources that are stored already")
    parser.add_argument("--seconds", type=float, default=2, help="how long each is measured")
    parser.add_argument("--no-flush", action="store_true", help="do not wait for the disk")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stanforis-bench-") as folder, EmbeddedPostgres(Path(folder)) as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        rows = asyncio.run(run(arguments, cluster.connection))
    table = Table("write", "at once", "PG ms", "client ms", "p50 ms of all")
    for row in rows:
        figures = (f"{row[key]:.3f}" for key in ("postgres_ms", "client_ms", "p50_ms"))
        table.add_row(row["name"], str(row["at_once"]), *figures)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
