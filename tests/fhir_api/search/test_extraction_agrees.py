"""Generated extraction against the FHIRPath engine: every parameter over every example, no difference.

The generated functions know routes; here each published expression is evaluated as it stands and its results are
indexed by the types they turn out to have.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from functools import cache
from typing import Any

import pytest

from fhir_api.search.entries import IndexEntries
from fhir_api.search.evaluation import evaluated
from fhir_api.search.extract.source import list_name
from fhir_api.search.query import Parameter
from tests.support.examples import official_examples, synthea_resources
from tests.support.stores import DEFINITIONS, EXTRACTOR

COMPARED = 400
"""Resources of the load set; the examples are compared in full."""


@cache
def by_fhirpath(parameter: Parameter) -> Any:
    return evaluated(parameter, UTC)


def found(entries: IndexEntries, parameter: Parameter) -> Counter[tuple[Any, ...]]:
    kind = getattr(entries, list_name(parameter))
    return Counter(_without_context(entry, parameter) for entry in kind if entry.parameter == parameter.key)


def expected(resource: dict[str, Any], parameter: Parameter) -> Counter[tuple[Any, ...]]:
    entries: list[Any] = []
    by_fhirpath(parameter)(entries.append, resource)
    return Counter(_without_context(entry, parameter) for entry in dict.fromkeys(entries))


def _without_context(entry: tuple[Any, ...], parameter: Parameter) -> tuple[Any, ...]:
    """Leave out what the engine does not know of an element: the system its binding implies, the only target type."""
    if parameter.type == "token" and "code" in parameter.element_types:
        return (entry[0], entry[2])
    if parameter.type == "reference":
        return (entry[0], entry[1], *entry[3:])
    return entry


def compare(resources: list[dict[str, Any]]) -> int:
    compared = 0
    for resource in resources:
        resource_type = resource["resourceType"]
        entries = EXTRACTOR.extract_tree(resource_type, resource)
        for parameter in DEFINITIONS.parameters(resource_type).values():
            if parameter.type != "composite" and not (resource_type == "Bundle" and parameter.type == "reference"):
                assert found(entries, parameter) == expected(resource, parameter), (resource_type, parameter.code)
                compared += 1
    return compared


def test_official_examples() -> None:
    assert compare(official_examples()) > 5000


def test_synthea() -> None:
    resources = synthea_resources()
    assert compare(resources[:: max(1, len(resources) // COMPARED)]) > 5000


@pytest.mark.parametrize(
    ("resource_type", "tree", "code", "count"),
    [
        (
            "Observation",
            {"subject": {"reference": "#p"}, "contained": [{"resourceType": "Patient", "id": "p"}]},
            "patient",
            1,
        ),
        (
            "Observation",
            {"subject": {"reference": "#g"}, "contained": [{"resourceType": "Group", "id": "g"}]},
            "patient",
            0,
        ),
        ("Observation", {"subject": {"reference": "urn:uuid:x", "type": "Patient"}}, "patient", 1),
        ("Observation", {"subject": {"reference": "urn:uuid:x"}}, "patient", 0),
        ("Observation", {"subject": {"display": "somebody"}}, "subject", 1),
        ("Immunization", {"patient": {"reference": "urn:uuid:x"}}, "patient", 1),
    ],
)
def test_references_whose_text_does_not_tell_the_type(
    resource_type: str, tree: dict[str, Any], code: str, count: int
) -> None:
    parameter = DEFINITIONS.parameters(resource_type)[code]
    entries = EXTRACTOR.extract_tree(resource_type, tree)
    assert sum(entry.parameter == parameter.key for entry in entries.references) == count
