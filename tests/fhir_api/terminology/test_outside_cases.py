"""Expansions that a terminology service has to give, from the public cases.

The cases ask for a whole server; what is looked at here are the concepts with their displays, and which are inactive
or abstract. Designations, definitions, properties and supplements are no part of an expansion here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest

from fhir_api.terminology import Terminology
from tests.support.examples import SHARED
from tests.support.libraries import ListLibrary

FOLDER = SHARED / "terminology"
NOT_HERE = "extensions"
"""A folder of definitions that the outside material does not hold."""


def cases() -> list[Any]:
    """Return the cases of the two folders that are here and ask for an expansion."""
    if not FOLDER.exists():
        return [pytest.param(None, marks=pytest.mark.skip("the terminology cases are not in ../shared/data"))]
    suites = orjson.loads((FOLDER / "test-cases.json").read_bytes())["suites"]
    tests = [test for suite in suites if suite["name"] in {"simple-cases", "parameters"} for test in suite["tests"]]
    return [pytest.param(test, id=test["name"]) for test in tests if is_mapped(test)]


def is_mapped(test: dict[str, Any]) -> bool:
    if test["operation"] != "expand" or "http-code" in test:
        return False
    return NOT_HERE not in (FOLDER / test["request"]).read_text()


@cache
def terminology() -> Terminology:
    paths = [*FOLDER.glob("simple/codesystem-*.json"), *FOLDER.glob("simple/valueset-*.json")]
    return Terminology(ListLibrary([orjson.loads(path.read_bytes()) for path in paths]))


@pytest.mark.parametrize("case", cases())
def test_expansion(case: dict[str, Any]) -> None:
    asked = {
        each["name"]: next(value for name, value in each.items() if name != "name")
        for each in orjson.loads((FOLDER / case["request"]).read_bytes())["parameter"]
    }
    expected = orjson.loads((FOLDER / case["response"]).read_bytes())["expansion"]
    service, canonical = terminology(), asked.get("url", "")
    if "valueSet" in asked:
        service, canonical = service.within({"contained": [asked["valueSet"]]}), f"#{asked['valueSet']['id']}"
    found = service.expand(
        canonical, asked.get("count", 1000), asked.get("offset", 0), active_only=asked.get("activeOnly", False)
    )
    rows = [(each.system, each.code, each.display, each.is_inactive, each.is_abstract) for each in found.concepts]
    wanted = list(flat(expected.get("contains", [])))
    assert sorted(rows) == sorted(wanted)


def flat(contains: list[dict[str, Any]]) -> Any:
    for row in contains:
        yield row["system"], row["code"], row["display"], row.get("inactive", False), row.get("abstract", False)
        yield from flat(row.get("contains", []))


def test_these_are_all_that_can_be_mapped() -> None:
    if not FOLDER.exists():
        pytest.skip("the terminology cases are not in ../shared/data")
    assert len(cases()) == 41
