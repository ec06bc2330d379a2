"""The official examples go to XML and back without loss, and the XML is what the official schema wants."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from fhir_api.formats.xml import from_xml, to_xml

SHARED = Path(__file__).parents[3] / "../shared/data"
WITHOUT_LINK_ID = "Questionnaire/qs1"
"""This example leaves out Questionnaire.item.linkId, which the schema requires."""


def numbers_as_written(text: bytes) -> Any:
    """Return JSON whose numbers are compared digit by digit."""
    return json.loads(text, parse_float=lambda digits: ("number", digits), parse_int=lambda digits: ("number", digits))


@pytest.fixture(scope="module")
def examples() -> dict[str, bytes]:
    """Return the official examples by ``Type/id``."""
    path = SHARED / "r4-examples" / "examples.ndjson.gz"
    if not path.exists():
        pytest.skip("the official R4 examples are not beside the repository (../shared/data/r4-examples)")
    lines = gzip.decompress(path.read_bytes()).splitlines()
    named = {f"{resource['resourceType']}/{resource['id']}": line for line in lines if (resource := json.loads(line))}
    assert len(lines) == 709
    return named


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """Return the official schema of every resource."""
    path = SHARED / "r4-xsd" / "fhir-single.xsd"
    if not path.exists():
        pytest.skip("the official R4 schemas are not beside the repository (../shared/data/r4-xsd)")
    return etree.XMLSchema(etree.parse(path))


def test_every_example_survives_the_way_to_xml_and_back(examples: dict[str, bytes]) -> None:
    changed = [name for name, text in examples.items() if _there_and_back(text) != numbers_as_written(text)]
    assert changed == []


def _there_and_back(text: bytes) -> Any:
    return numbers_as_written(from_xml(to_xml(text)))


def test_the_xml_of_every_example_is_valid(examples: dict[str, bytes], schema: etree.XMLSchema) -> None:
    refused = [name for name, text in examples.items() if not schema.validate(etree.fromstring(to_xml(text)))]
    assert refused == [WITHOUT_LINK_ID]


def test_a_second_way_gives_the_same_bytes(examples: dict[str, bytes]) -> None:
    changed = [name for name, text in examples.items() if to_xml(from_xml(to_xml(text))) != to_xml(text)]
    assert changed == []
