"""The demonstration's records and the generator's are sound R4 and hang together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from stanforis.demo import demo_bundles
from stanforis.demo.generator import bundles, ndjson
from stanforis.demo.record import STYLES

from fhir_api.validation.explanation import explain

DEMO = [orjson.loads(text) for text in demo_bundles()]
GENERATED = [orjson.loads(text) for text in bundles(2 * len(STYLES), seed=7, visits=12)]


def references(tree: Any) -> Iterator[str]:
    """Yield the text of every reference in *tree*, local ones left out."""
    if isinstance(tree, dict):
        reference = tree.get("reference")
        if isinstance(reference, str) and not reference.startswith("#"):
            yield reference
        for member in tree.values():
            yield from references(member)
    elif isinstance(tree, list):
        for member in tree:
            yield from references(member)


def issues(bundle: dict[str, Any]) -> list[str]:
    return [
        f"{'.'.join(issue.expressions)}: {issue.diagnostics}"
        for entry in bundle["entry"]
        for issue in explain(entry["resource"], in_bundle=True).issues
    ]


@pytest.mark.parametrize("bundle", DEMO + GENERATED)
def test_every_resource_is_valid(bundle: dict[str, Any]) -> None:
    assert issues(bundle) == []


def test_demo_references_point_at_what_came_before_or_stands_in_the_same_bundle() -> None:
    known: set[str] = set()
    for bundle in DEMO:
        known |= {entry["request"]["url"] for entry in bundle["entry"]}
        assert set(references(bundle)) <= known


def test_demo_entries_are_put_under_their_own_ids() -> None:
    for entry in (entry for bundle in DEMO for entry in bundle["entry"]):
        resource = entry["resource"]
        assert entry["request"] == {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}


def test_demo_has_eight_to_twelve_patients() -> None:
    patients = [entry for bundle in DEMO for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient"]
    assert 8 <= len(patients) <= 12


def test_generated_references_point_inside_their_bundle() -> None:
    for bundle in GENERATED:
        assert set(references(bundle)) <= {entry["fullUrl"] for entry in bundle["entry"]}


def test_the_same_seed_makes_the_same_people() -> None:
    assert list(bundles(2, seed=3, visits=2)) == list(bundles(2, seed=3, visits=2))
    assert list(bundles(2, seed=3, visits=2)) != list(bundles(2, seed=4, visits=2))


def test_ndjson_refers_by_type_and_id() -> None:
    resources = [orjson.loads(text) for text in ndjson(1, visits=3)]
    known = {f"{resource['resourceType']}/{resource['id']}" for resource in resources}
    assert {reference for resource in resources for reference in references(resource)} <= known
