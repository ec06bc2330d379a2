"""What profiles cost: time to make them ready, memory, and microseconds a resource.

    python -m benchmarks.profiles                  # patients made by the generator
    python -m benchmarks.profiles FOLDER --json    # transaction Bundles of a folder: *.json, *.json.gz, *.json.bz2

The figures are on top of base validation, best of several rounds, for parsed resources and profiles made ready.

- *vital signs*: each Observation of vital signs against ``vitalsigns`` and, where it claims or implies one, a narrower
  profile of R4.
- *extensions*: context and content of the extensions of each resource of all types.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks.samples import texts
from benchmarks.validation import entries
from conformance import library
from fhir_api.packages.core import core_library
from fhir_api.terminology import Terminology
from fhir_api.validation.profiles import Profiles
from fhir_api.validation.profiles.declared import implied

ROUNDS: Final = 5
VITAL_SIGNS: Final = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
_PAGE: Final = 4096
_MEGA: Final = 2**20


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", help="transaction Bundles; made ones without")
    parser.add_argument("--patients", type=int, default=20, help="how many patients to make")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    trees = [resource.tree for text in texts(options.folder, options.patients) for resource in entries(text)]
    vital_signs = [tree for tree in trees if implied(tree)]
    profiles = Profiles(core_library(), Terminology(core_library()))
    figures = all_made_ready(profiles) | {
        "vital_signs_us": best(profiles_of_vital_signs(profiles), vital_signs),
        "extensions_us": best(profiles.extension_issues, trees),
        "vital_signs": len(vital_signs),
        "resources": len(trees),
    }
    if options.json:
        Console().print_json(json.dumps(figures))
    else:
        for name, figure in figures.items():
            Console().print(f"{name:20}{figure:12.1f}")


def all_made_ready(profiles: Profiles) -> dict[str, float]:
    """Return what it takes to make every profile and extension of R4 ready: their number, seconds and megabytes."""
    before, started, count = resident(), time.process_time(), 0
    for url in library.versions("StructureDefinition"):
        definition = profiles.definition(url)
        if definition is not None and definition.get("derivation") == "constraint":
            profiles.problems(url)
            count += 1
    return {"profiles": count, "ready_s": time.process_time() - started, "memory_mb": resident() - before}


def resident() -> float:
    """Return the resident memory of this process in megabytes (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE / _MEGA


def profiles_of_vital_signs(profiles: Profiles) -> Callable[[Any], object]:
    """Return what checks one Observation of vital signs."""

    def check(tree: Any) -> object:
        return profiles.issues(tree, VITAL_SIGNS), profiles.declared_issues(tree, with_implied=True)

    return check


def best(check: Callable[[Any], object], trees: list[Any]) -> float:
    """Return CPU microseconds a resource, best of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for tree in trees:
            check(tree)
        rounds.append((time.process_time() - started) / len(trees) * 1e6)
    return min(rounds)


if __name__ == "__main__":
    main()
