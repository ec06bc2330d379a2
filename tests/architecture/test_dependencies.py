"""What is imported is declared, where it is needed, and locked."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = {"fhir_api", "adapters", "identity", "mappings", "conformance", "stanforis", "tests", "benchmarks", "support"}
SERVER_FOLDERS = ("fhir_api", "adapters", "identity", "mappings", "conformance", "platform")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def third_party(*folders: str) -> dict[str, Path]:
    """Return the top-level modules that are neither ours nor Python's, each with a file that imports it."""
    return {
        name: path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        for name in imported(path)
        if name not in OWN and name not in sys.stdlib_module_names and not (path.parent / f"{name}.py").exists()
    }


@cache
def declared(*extras: str) -> frozenset[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(each for name in extras for each in project["optional-dependencies"][name])]
    return frozenset(_normal(re.split(r"[\s\[<>=!;~]", each, maxsplit=1)[0]) for each in wanted)


def undeclared(modules: dict[str, Path], names: frozenset[str]) -> list[str]:
    distributions = packages_distributions()
    return [
        f"{module} in {path.relative_to(ROOT)}"
        for module, path in modules.items()
        if not names & {_normal(each) for each in distributions.get(module, [module])}
    ]


def test_the_server_declares_what_it_imports():
    assert undeclared(third_party(*SERVER_FOLDERS), declared("tracing")) == []


def test_tests_and_benchmarks_declare_what_they_import():
    assert undeclared(third_party("tests", "benchmarks"), declared("dev", "tracing", "build")) == []


@pytest.mark.parametrize(("lock", "extras"), [("server.lock", ()), ("dev.lock", ("dev", "tracing", "build"))])
def test_what_is_declared_is_locked(lock, extras):
    locked = set(re.findall(r"^([a-z0-9][^\s=\[]*)", (ROOT / "requirements" / lock).read_text(), re.MULTILINE))
    assert declared(*extras) - {"stanforis-health"} <= {_normal(each) for each in locked}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
