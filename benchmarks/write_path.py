"""CPU of the way from a transaction's bytes to the statement that stores it, without database and HTTP.

    python -m benchmarks.write_path [--data DIR] [--patients N] [--repeat N] [--json]

Prints microseconds of process CPU a resource: each step alone (its input made before the clock starts), and the whole
way as the server goes it. The best of several repetitions counts, so that other programs disturb little.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import orjson
from rich.console import Console
from rich.table import Table
from stanforis.settings import Settings

from benchmarks.samples import texts
from fhir_api.definitions import CompiledDefinitions
from fhir_api.interactions.envelope import read_bundle
from fhir_api.interactions.links import Links, Target
from fhir_api.model.keys import ResourceKey, new_logical_id
from fhir_api.model.resource import Resource, body, compact, parse_compact
from fhir_api.model.versions import Change
from fhir_api.store.port import Expect, Write
from fhir_api.store.postgres.bodies import pack
from fhir_api.store.postgres.encode import Codes, Encoder, PresentBits, index_hash
from fhir_api.store.postgres.hashing import Hasher
from fhir_api.store.postgres.writes import Indexing, Plan

Result = TypeVar("Result")
_TENANT = 1
_SCALE = "orjson.loads alone, for scale"
"""No step of ours: a machine under load shows it above the 6 µs that a quiet one of 2020 needs."""


@dataclass(frozen=True, slots=True)
class Named:
    """A resource of a transaction with the id it was given."""

    key: ResourceKey
    full_url: str
    text: bytes


class WritePath:
    """The server's own functions, put in a row.

    Attributes:
        definitions: compiled rules.
        indexing: how entries become rows.
    """

    def __init__(self) -> None:
        self.definitions = CompiledDefinitions(Settings())
        search = self.definitions.search
        extractor = self.definitions.extractor
        self.indexing = Indexing(Encoder(Hasher(1)), PresentBits(search), extractor, search)

    def named(self, raw: bytes) -> list[Named]:
        """Read the envelope and give every entry an id."""
        entries = []
        for place, entry in enumerate(read_bundle(raw).entries):
            request = entry.as_request(place)
            key = ResourceKey(request.url, new_logical_id())
            entries.append(Named(key, str(entry.full_url), compact(request.resource or b"")))
        return entries

    @staticmethod
    def links(entries: Sequence[Named]) -> Links:
        """Return what the entries' fullUrls became."""
        return Links({entry.full_url: Target(entry.key) for entry in entries})

    @staticmethod
    def resource(entry: Named, links: Links) -> Resource:
        """Return an entry's resource with its references to other entries replaced."""
        return parse_compact(links.rewrite(entry.text, entry.full_url))

    def write(self, key: ResourceKey, resource: Resource) -> Write:
        """Check and index one resource.

        Raises:
            ValueError: it is not sound.
        """
        issues = self.definitions.check(resource)
        if issues:
            raise ValueError(f"{key.resource_type}: {issues[0].diagnostics}")
        entries = self.definitions.extract(resource)
        return Write(key, Change.CREATE, body(resource, key), entries, Expect.ABSENT)

    def whole(self, raw: bytes) -> int:
        """Go the whole way and return how many resources the transaction has."""
        entries = self.named(raw)
        links = self.links(entries)
        plan = Plan(_TENANT, self.indexing, Codes(set()))
        for rid, entry in enumerate(entries):
            plan.add(self.write(entry.key, self.resource(entry, links)), None, rid)
        plan.statement(str(_TENANT))
        return len(entries)


class Clock:
    """Best CPU time of each step."""

    def __init__(self) -> None:
        self.best: dict[str, float] = {}

    def measure(self, step: str, work: Callable[[], Result]) -> Result:
        """Run *work* and note its CPU seconds when they are the least so far."""
        started = time.process_time()
        result = work()
        spent = time.process_time() - started
        self.best[step] = min(spent, self.best.get(step, spent))
        return result


def steps(path: WritePath, bundles: Sequence[bytes], clock: Clock) -> int:
    """Measure each step over all bundles and return the number of resources."""
    transactions = clock.measure("envelope and ids", lambda: [path.named(raw) for raw in bundles])
    links = [path.links(entries) for entries in transactions]
    rewritten = clock.measure(
        "rewrite references",
        lambda: [
            (entry.key, found.rewrite(entry.text, entry.full_url))
            for entries, found in zip(transactions, links, strict=True)
            for entry in entries
        ],
    )
    clock.measure(_SCALE, lambda: [orjson.loads(text) for _, text in rewritten])
    resources = clock.measure("parse", lambda: [(key, parse_compact(text)) for key, text in rewritten])
    check = path.definitions.check
    clock.measure("validate", lambda: [check(resource) for _, resource in resources])
    bodies = clock.measure("body layout", lambda: [body(resource, key) for key, resource in resources])
    extract = path.definitions.extract
    entries = clock.measure("extract index values", lambda: [extract(resource) for _, resource in resources])
    indexing = path.indexing
    clock.measure(
        "encode rows",
        lambda: [
            (
                index_hash(indexing.encoder.rows(found, 1, Codes(set())), indexing.encoder.hasher),
                indexing.present.of(key.resource_type, found),
            )
            for (key, _), found in zip(resources, entries, strict=True)
        ],
    )
    clock.measure("compress", lambda: [pack(text, 1) for text in bodies])
    return len(resources)


def _all(path: WritePath, bundles: Sequence[bytes]) -> None:
    for raw in bundles:
        path.whole(raw)


def measure(bundles: Sequence[bytes], repeat: int) -> dict[str, float]:
    """Return microseconds of CPU a resource of each step, of their sum, and of the whole way.

    Steps are measured on eight bundles at a time, which is about what lies in the processor's caches in real use.
    """
    path = WritePath()
    for raw in bundles[:5]:
        path.whole(raw)
    gc.collect()
    gc.freeze()
    resources = 0
    totals: dict[str, float] = {}
    for first in range(0, len(bundles), 8):
        group = bundles[first : first + 8]
        clock = Clock()
        for _ in range(repeat):
            counted = steps(path, group, clock)
            clock.measure("all together", partial(_all, path, group))
        resources += counted
        for step, seconds in clock.best.items():
            totals[step] = totals.get(step, 0) + seconds
    figures = {step: seconds / resources * 1e6 for step, seconds in totals.items()}
    scale, together = figures.pop(_SCALE), figures.pop("all together")
    return figures | {
        "sum of the steps": sum(figures.values()),
        "all together": together,
        _SCALE: scale,
        "resources": resources,
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="folder of transaction bundles; without it they are generated")
    parser.add_argument("--patients", type=int, default=40, help="how many to generate")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(list(texts(arguments.data, arguments.patients)), arguments.repeat)
    if arguments.json:
        print(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table("step", "µs CPU a resource", title=f"{figures.pop('resources'):,.0f} resources")
    table.columns[1].justify = "right"
    for step, microseconds in figures.items():
        table.add_row(step, f"{microseconds:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
