"""What the structure validation of a resource costs, by resource type: CPU microseconds and memory.

    python -m benchmarks.validation                  # patients made by the generator
    python -m benchmarks.validation FOLDER --json    # transaction Bundles of a folder: *.json, *.json.gz, *.json.bz2

The figures are the verdict's on parsed resources, best of several rounds, in a process that knows the shapes already;
"cold" is the first round, which learns them. "floor" is a bare walk over the same values that checks nothing.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.samples import texts
from conformance.types import resource_types
from conformance.value_sets import bound_value_sets
from fhir_api.model.resource import Resource
from fhir_api.validation.structure import StructureKey, structure
from fhir_api.validation.validator import Validator

ROUNDS = 5


class Row(NamedTuple):
    """The cost of one resource type.

    Attributes:
        resource_type: the type, or ``all``.
        resources: how many were judged.
        microseconds: CPU time for one resource.
        floor: CPU microseconds of a bare walk over one resource.
    """

    resource_type: str
    resources: int
    microseconds: float
    floor: float


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", help="transaction Bundles; made ones without")
    parser.add_argument("--patients", type=int, default=60, help="how many patients to make")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    resources = [resource for text in texts(options.folder, options.patients) for resource in entries(text)]
    started = time.process_time()
    validator = Validator()
    ready = time.process_time() - started
    cold = once(validator, resources)
    gc.freeze()
    by_type: dict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        by_type[resource.resource_type].append(resource)
    rows = [row("all", validator, resources)]
    rows += [row(name, validator, each) for name, each in sorted(by_type.items(), key=lambda pair: -len(pair[1]))]
    memory = {"mix_mb": memory_of_mix(resources), "all_types_mb": memory_of_all_types()}
    if options.json:
        figures = {"ready_ms": ready * 1e3, "cold_us": cold, **memory, "types": [each._asdict() for each in rows]}
        Console().print_json(json.dumps(figures))
    else:
        show(rows, ready, cold, memory)


def entries(bundle: bytes) -> Iterable[Resource]:
    """Yield the resources of a Bundle, parsed."""
    for entry in orjson.loads(bundle)["entry"]:
        tree = entry["resource"]
        yield Resource(tree["resourceType"], tree, b"")


def row(name: str, validator: Validator, resources: list[Resource]) -> Row:
    """Measure the resources of one type."""
    best = min(once(validator, resources) for _ in range(ROUNDS))
    return Row(name, len(resources), best, min(floor(resources) for _ in range(ROUNDS)))


def once(validator: Validator, resources: list[Resource]) -> float:
    """Return CPU microseconds a resource; stop at the first that is refused."""
    started = time.process_time()
    for resource in resources:
        issues = validator.check(resource, in_bundle=True)
        if issues:
            raise SystemExit(f"{resource.resource_type} was refused: {issues[0]}")
    return (time.process_time() - started) / len(resources) * 1e6


def floor(resources: list[Resource]) -> float:
    """Return CPU microseconds a resource of a walk that only meets each value."""

    def walk(members: dict[str, Any]) -> None:
        for value in members.values():
            if type(value) is dict:
                walk(value)
            elif type(value) is list:
                for item in value:
                    if type(item) is dict:
                        walk(item)

    started = time.process_time()
    for resource in resources:
        walk(resource.tree)
    return (time.process_time() - started) / len(resources) * 1e6


def memory_of_mix(resources: list[Resource]) -> float:
    """Return the megabytes a validator holds after these resources; the definitions' own are not counted."""
    return grown(lambda: [validator := Validator(), once(validator, resources)])


def memory_of_all_types() -> float:
    """Return the megabytes the structures of all resource types and of all they hold take."""

    def reach(key: StructureKey, seen: set[StructureKey]) -> None:
        if key not in seen:
            seen.add(key)
            for each in structure(key).properties.values():
                if isinstance(each.content, StructureKey):
                    reach(each.content, seen)

    def compile_all() -> None:
        seen: set[StructureKey] = set()
        for name in resource_types():
            reach(StructureKey(name), seen)
            reach(StructureKey(name, is_contained=True), seen)

    structure.cache_clear()
    return grown(compile_all)


def grown(work: Callable[[], object]) -> float:
    """Return by how many megabytes memory has grown while what *work* returns is held."""
    bound_value_sets()
    gc.collect()
    tracemalloc.start()
    held = work()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del held
    return size / 1e6


def show(rows: list[Row], ready: float, cold: float, memory: dict[str, float]) -> None:
    """Print a table."""
    table = Table(title="Structure validation, CPU of one core", caption=f"made ready in {ready * 1e3:.1f} ms")
    for heading in ("type", "resources", "µs a resource", "floor µs"):
        table.add_column(heading, justify="left" if heading == "type" else "right")
    for each in rows:
        table.add_row(each.resource_type, f"{each.resources:,}", f"{each.microseconds:.1f}", f"{each.floor:.1f}")
    table.add_section()
    table.add_row("all, cold", f"{rows[0].resources:,}", f"{cold:.1f}", "")
    console = Console()
    console.print(table)
    console.print(f"Memory: {memory['mix_mb']:.1f} MB for this mix, {memory['all_types_mb']:.1f} MB for all types.")


if __name__ == "__main__":
    main()
