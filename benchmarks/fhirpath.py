"""FHIRPath: search-parameter expressions over patients' resources, beside the engine fhirpathpy.

    python -m benchmarks.fhirpath                          # patients made by the generator
    python -m benchmarks.fhirpath FOLDER --bundles 5       # transaction Bundles: *.json, *.json.gz, *.json.bz2

Every expression of the base specification is compiled once and evaluated on each resource of its type; each engine has
the whole work to itself, in a process of its own, and its CPU time counts, compilation included and apart.
"fhirpathpy" (``pip install fhirpathpy``) is left out where it is not installed. Results are compared by their number.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson

from benchmarks.samples import texts
from conformance.search_parameters import search_parameters

Evaluate = Callable[[dict[str, Any]], list[Any]]
_ABSTRACT = frozenset({"Resource", "DomainResource"})
_NEEDS_STORE = "resolve()"
"""Expressions with it are left out: each engine resolves in its own way."""


class Cost(NamedTuple):
    """What an engine needed.

    Attributes:
        compile_seconds: to prepare all expressions.
        evaluate_seconds: to evaluate them.
        evaluations: how many times an expression met a resource.
        results: how many results each expression gave in all.
        failures: how many evaluations raised an error.
    """

    compile_seconds: float
    evaluate_seconds: float
    evaluations: int
    results: dict[str, int]
    failures: int


def stanforis(expression: str, type_name: str | None) -> Evaluate:
    """Prepare an expression with this project's engine."""
    from fhir_api import fhirpath  # noqa: PLC0415 - each engine is imported only in its own process

    return fhirpath.compile(expression, type_name=type_name)


def fhirpathpy(expression: str, type_name: str | None) -> Evaluate:
    """Prepare an expression with fhirpathpy and its R4 model."""
    engine, models = import_module("fhirpathpy"), import_module("fhirpathpy.models")
    compiled: Evaluate = engine.compile(expression, models.models["r4"])
    return compiled


ENGINES: dict[str, Callable[[str, str | None], Evaluate]] = {"stanforis": stanforis, "fhirpathpy": fhirpathpy}


def main() -> None:
    """Measure each engine in its own process and print what they needed and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--bundles", type=int, default=3)
    parser.add_argument("--engine", choices=tuple(ENGINES))
    arguments = parser.parse_args()
    if arguments.engine:
        sys.stdout.buffer.write(msgspec.json.encode(measured(arguments.engine, arguments.folder, arguments.bundles)))
        return
    found = [engine for engine in ENGINES if engine == "stanforis" or find_spec(engine) is not None]
    costs = {engine: _in_own_process(engine, arguments.folder, arguments.bundles) for engine in found}
    for engine, cost in costs.items():
        microseconds = cost.evaluate_seconds / cost.evaluations * 1e6
        print(
            f"{engine:12} compile {cost.compile_seconds:7.3f} s   evaluate {cost.evaluate_seconds:8.3f} s   "
            f"{microseconds:8.2f} µs each   {cost.evaluations} evaluations, {cost.failures} failed"
        )
    if len(costs) > 1:
        _compare(costs["stanforis"], costs["fhirpathpy"])


def _compare(own: Cost, other: Cost) -> None:
    differing = [name for name in own.results if own.results[name] != other.results.get(name)]
    print(f"ratio: evaluation {other.evaluate_seconds / own.evaluate_seconds:.1f}, ", end="")
    whole = own.evaluate_seconds + own.compile_seconds, other.evaluate_seconds + other.compile_seconds
    print(f"with compilation {whole[1] / whole[0]:.1f}")
    print(f"expressions with another number of results: {len(differing)} of {len(own.results)} {differing[:5]}")


def _in_own_process(engine: str, folder: Path | None, bundles: int) -> Cost:
    words = [sys.executable, "-m", "benchmarks.fhirpath", "--engine", engine, "--bundles", str(bundles)]
    if folder is not None:
        words.append(str(folder))
    answer = subprocess.run(words, check=True, stdout=subprocess.PIPE)  # noqa: S603 - its own module
    return msgspec.json.decode(answer.stdout, type=Cost)


def measured(engine: str, folder: Path | None, bundles: int) -> Cost:
    """Return what an engine needs for all expressions on the resources of some bundles."""
    resources = [
        entry["resource"]
        for text in itertools.islice(texts(folder, bundles), bundles)
        for entry in orjson.loads(text)["entry"]
    ]
    start = time.process_time()
    prepared = _prepared(ENGINES[engine], {resource["resourceType"] for resource in resources})
    compiled = time.process_time()
    results: Counter[str] = Counter()
    evaluations = failures = 0
    for resource in resources:
        for name, evaluate in prepared[resource["resourceType"]]:
            evaluations += 1
            try:
                results[name] += len(evaluate(resource))
            except Exception:  # noqa: BLE001 - each engine has errors of its own; they are counted
                failures += 1
    return Cost(compiled - start, time.process_time() - compiled, evaluations, dict(results), failures)


def _prepared(
    prepare: Callable[[str, str | None], Evaluate], type_names: set[str]
) -> dict[str, list[tuple[str, Evaluate]]]:
    prepared: dict[str, list[tuple[str, Evaluate]]] = {name: [] for name in type_names}
    for definition in search_parameters():
        expression = definition.expression
        if not expression or _NEEDS_STORE in expression:
            continue
        for name in type_names if _ABSTRACT & set(definition.base) else type_names & set(definition.base):
            prepared[name].append((f"{name}.{definition.code}", prepare(expression, name)))
    return prepared


if __name__ == "__main__":
    main()
