"""What the validation of a resource costs, by step and resource type: CPU microseconds and memory.

    python -m benchmarks.validation                  # patients made by the generator
    python -m benchmarks.validation FOLDER --json    # transaction Bundles of a folder: *.json, *.json.gz, *.json.bz2

The figures are for parsed resources, best of several rounds, in a process that knows the shapes already; "cold" is the
first round, which learns them.

- *structure*: what each write is asked where invariants are off: structure, formats, required codes.
- *base*: what each write is asked: the same with the invariants of R4.
- *told*: ``$validate``, which walks in any case and tells warnings, too; one round over a part of the resources.
- *floor*: a bare walk over the same values that checks nothing.
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
from fhir_api.validation.validator import Validator, base_validator

ROUNDS = 5
TOLD = 1000
"""Of how many resources, at most, all is told."""


class Validators(NamedTuple):
    """The validators that are compared."""

    structure: Validator
    base: Validator


class Row(NamedTuple):
    """The cost of one resource type.

    Attributes:
        resource_type: the type, or ``all``.
        resources: how many were judged.
        structure: CPU microseconds for one resource, without invariants.
        base: CPU microseconds for one resource, with them.
        told: CPU microseconds of ``$validate`` for one resource.
        floor: CPU microseconds of a bare walk over one resource.
    """

    resource_type: str
    resources: int
    structure: float
    base: float
    told: float
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
    validators = Validators(Validator(with_invariants=False), base_validator())
    ready = time.process_time() - started
    cold = once(validators.base, resources)
    once(validators.structure, resources)
    gc.freeze()
    by_type: dict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        by_type[resource.resource_type].append(resource)
    rows = [row("all", validators, resources)]
    rows += [row(name, validators, each) for name, each in sorted(by_type.items(), key=lambda pair: -len(pair[1]))]
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


def row(name: str, validators: Validators, resources: list[Resource]) -> Row:
    """Measure the resources of one type."""
    structure, base = (min(once(each, resources) for _ in range(ROUNDS)) for each in validators)
    told = told_once(validators.base, resources[:: len(resources) // TOLD + 1])
    return Row(name, len(resources), structure, base, told, min(floor(resources) for _ in range(ROUNDS)))


def told_once(validator: Validator, resources: list[Resource]) -> float:
    """Return CPU microseconds a resource of ``$validate``."""
    started = time.process_time()
    for resource in resources:
        validator.validate(resource.tree, in_bundle=True)
    return (time.process_time() - started) / len(resources) * 1e6


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
    table = Table(title="Validation, CPU of one core", caption=f"made ready in {ready * 1e3:.1f} ms")
    for heading in ("type", "resources", "structure µs", "base µs", "told µs", "floor µs"):
        table.add_column(heading, justify="left" if heading == "type" else "right")
    for each in rows:
        times = (each.structure, each.base, each.told, each.floor)
        table.add_row(each.resource_type, f"{each.resources:,}", *(f"{figure:.1f}" for figure in times))
    table.add_section()
    table.add_row("all, cold", f"{rows[0].resources:,}", "", f"{cold:.1f}", "", "")
    console = Console()
    console.print(table)
    console.print(f"Memory: {memory['mix_mb']:.1f} MB for this mix, {memory['all_types_mb']:.1f} MB for all types.")


if __name__ == "__main__":
    main()
