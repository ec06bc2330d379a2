"""The packages that are shipped: their archives are what their source says, and they mean what they promise."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from conformance.profiles import shipped_packages
from conformance.profiles.compiler import package_files
from conformance.profiles.packing import pack
from fhir_api.interactions.claims import tenant_profiles
from fhir_api.interactions.library import TenantLibrary
from fhir_api.model.outcome import Issue
from fhir_api.model.resource import parse
from fhir_api.packages.core import core_library
from fhir_api.packages.library import NotAtHandError
from fhir_api.packages.npm import Packaged, read_package
from fhir_api.validation.validator import Validator

PROFILES = Path(__file__).parents[2] / "conformance/profiles"
NAMES = sorted(path.parent.name for path in PROFILES.glob("*/package.yaml"))
Tree = dict[str, Any]
COUNTERS = [
    (name, counter)
    for name in NAMES
    for counter in yaml.safe_load((PROFILES / name / "counter-examples.yaml").read_text("utf-8"))
]


@cache
def examples(name: str) -> dict[str, Tree]:
    """Return the examples of a package by ``Type/id``."""
    packaged = read_package(shipped_packages()[name]).definitions(examples=True)
    trees = [each.resource.tree for each in packaged if isinstance(each, Packaged) and "/example/" in each.path]
    return {f"{tree['resourceType']}/{tree['id']}": tree for tree in trees}


@cache
def library(name: str) -> TenantLibrary:
    """Return what a tenant knows that has the package and no other."""
    made = TenantLibrary(core_library())
    for each in read_package(shipped_packages()[name]).definitions():
        assert isinstance(each, Packaged)
        tree = each.resource.tree
        if "url" in tree:
            made.learn(tree["resourceType"], tree["url"], [tree])
    return made


def issues(name: str, tree: Tree) -> list[Issue]:
    """Return what the profiles find that a resource declares."""
    known = library(name)
    found: list[Issue] = []
    for canonical in tree["meta"]["profile"]:
        while True:
            try:
                found += known.made(tenant_profiles).issues(tree, canonical)
            except NotAtHandError as missing:
                known.learn(missing.resource_type, missing.canonical.partition("|")[0], [])
            else:
                break
    return found


def changed(tree: Tree, counter: Tree) -> Tree:
    """Return the example with what the counter-example changes."""
    tree = copy.deepcopy(tree)
    for place, value in counter.get("set", {}).items():
        holder, last = _holder(tree, place)
        holder[last] = value
    for place in counter.get("remove", ()):
        holder, last = _holder(tree, place)
        del holder[last]
        if not holder:
            holder, last = _holder(tree, place.rpartition(".")[0])
            del holder[last]
    return tree


def _holder(tree: Any, place: str) -> tuple[Any, Any]:
    *above, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    for part in above:
        tree = tree[part]
    return tree, last


@pytest.mark.parametrize("name", NAMES)
def test_the_archive_is_what_the_source_says(name):
    shipped = read_package(shipped_packages()[name])
    assert dict(shipped.files) == dict(package_files(PROFILES / name)), "run python -m conformance.profiles"


@pytest.mark.parametrize("name", NAMES)
def test_packing_again_gives_the_same_bytes(name):
    files = package_files(PROFILES / name)
    assert pack(files) == pack(reversed(files))


@pytest.mark.parametrize("name", NAMES)
def test_definitions_are_sound_by_the_base_rules(name):
    validator = Validator()
    for each in read_package(shipped_packages()[name]).definitions(examples=True):
        assert isinstance(each, Packaged)
        assert validator.check(each.resource) == (), each.path


@pytest.mark.parametrize(("name", "example"), [(name, example) for name in NAMES for example in examples(name)])
def test_an_example_is_what_it_declares(name, example):
    assert issues(name, examples(name)[example]) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_has_an_example_and_a_counter_example(name):
    profiles = {
        each.resource.tree["url"]
        for each in read_package(shipped_packages()[name]).definitions()
        if isinstance(each, Packaged)
        and each.resource.resource_type == "StructureDefinition"
        and each.resource.tree["kind"] == "resource"
    }
    declared = {url for tree in examples(name).values() for url in tree["meta"]["profile"]}
    broken = {url for _, counter in COUNTERS for url in examples(name)[counter["of"]]["meta"]["profile"]}
    assert declared == profiles == broken


@pytest.mark.parametrize(("name", "counter"), COUNTERS, ids=[f"{each['of']}: {each['says']}" for _, each in COUNTERS])
def test_a_counter_example_is_refused_for_what_is_wrong_with_it(name, counter):
    tree = changed(examples(name)[counter["of"]], counter)
    assert Validator().check(parse(orjson.dumps(tree))) == (), "it is to break the profile, not the base rules"
    found = [(issue.expressions, issue.details[-1:]) for issue in issues(name, tree) if issue.severity == "error"]
    assert ((counter["place"],), (counter["kind"],)) in found
