"""Snapshots made here are those that R4 publishes with its own profiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance import library
from fhir_api.packages.core import core_library
from fhir_api.validation.profiles.elements import ElementTree, element_tree
from fhir_api.validation.profiles.snapshots import Snapshots
from fhir_api.validation.profiles.stated import Rules

SHORT_FORM = "valueQuantity in a slice: published as the one type left, made here as its only slice, closed"
PARTIAL = "the published snapshot leaves elements out"
DIFFERENCES = {
    "bp": SHORT_FORM,
    "catalog": PARTIAL,
    "cholesterol": "published with the constraints of SimpleQuantity on top; type.profile demands them here",
    "elementdefinition-de": "published without the content of the Extension, which is that of the type",
    "familymemberhistory-genetic": PARTIAL,
    "hdlcholesterol": "as cholesterol",
    "ldlcholesterol": "as cholesterol",
    "provenance-relevant-history": "published contentReference and binding belong to another profile",
}


def test_snapshots_are_those_that_are_published() -> None:
    definitions = core_library()
    snapshots = Snapshots(definitions, trusts_published=False)
    different: set[str] = set()
    compared = 0
    for url in library.versions("StructureDefinition"):
        definition = definitions.find("StructureDefinition", url) or {}
        if definition.get("derivation") != "constraint" or "snapshot" not in definition:
            continue
        compared += 1
        made = dict(_elements(snapshots.snapshot(url).root, definition["type"]))
        published = element_tree(definition["snapshot"]["element"], definition["type"])
        if made != dict(_elements(published, definition["type"])):
            different.add(definition["id"])
    assert compared > 400
    assert different == set(DIFFERENCES)


def test_no_profile_of_r4_contradicts_its_base() -> None:
    snapshots = Snapshots(core_library(), trusts_published=False)
    urls = [url for url in library.versions("StructureDefinition") if url.startswith("http://hl7.org/fhir/")]
    assert [problem for url in urls for problem in snapshots.snapshot(url).problems] == []


def _elements(tree: ElementTree, path: str) -> Iterator[tuple[str, Rules]]:
    yield path, {name: _unordered(name, value) for name, value in tree.rules.items()}
    for name, child in tree.children.items():
        yield from _elements(child, f"{path}.{name}")
    for name, each in tree.slices.items():
        yield from _elements(each, f"{path}:{name}")


def _unordered(name: str, value: Any) -> Any:
    """Return what of a rule matters for validation: neither order nor texts."""
    if name == "type":
        return sorted(
            (one["code"], sorted(one.get("profile", ())), sorted(one.get("targetProfile", ()))) for one in value
        )
    if name == "constraint":
        return sorted(one["key"] for one in value)
    if name == "slicing":
        by = sorted((one["type"], one["path"]) for one in value.get("discriminator", ()))
        return by, value.get("rules"), value.get("ordered", False)
    return value
