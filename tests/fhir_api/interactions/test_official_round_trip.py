"""All official examples: JSON in, stored, out as XML that the official schema accepts, and back to the same JSON.

Spec: https://hl7.org/fhir/R4/formats.html
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree
from msgspec.structs import replace

from fhir_api.formats.xml import from_xml
from fhir_api.interactions.context import Context
from fhir_api.interactions.update import update
from fhir_api.model.keys import ResourceKey
from fhir_api.model.resource import parse

SHARED = Path(__file__).parents[3] / "../shared/data"
OUTSIDE_THE_SCHEMA = {
    "Questionnaire/qs1": "leaves out Questionnaire.item.linkId, which is required",
}
"""Examples that break the specification's own schema, with their fault."""


@pytest.fixture(scope="module")
def examples() -> dict[ResourceKey, bytes]:
    path = SHARED / "r4-examples/examples.ndjson.gz"
    if not path.exists():
        pytest.skip("the official R4 examples are not beside the repository (../shared/data/r4-examples)")
    texts = gzip.decompress(path.read_bytes()).splitlines()
    named = {ResourceKey(tree["resourceType"], tree["id"]): text for text in texts if (tree := json.loads(text))}
    assert len(named) == 709
    return named


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    path = SHARED / "r4-xsd/fhir-single.xsd"
    if not path.exists():
        pytest.skip("the official R4 schemas are not beside the repository (../shared/data/r4-xsd)")
    return etree.XMLSchema(etree.parse(path))


def content(text: bytes) -> Any:
    """Return JSON without what is the server's own in ``meta``, its numbers digit by digit."""
    tree = json.loads(text, parse_float=lambda digits: ("number", digits), parse_int=lambda digits: ("number", digits))
    meta = tree.pop("meta", {})
    kept = {name: value for name, value in meta.items() if name not in {"versionId", "lastUpdated"}}
    return {**tree, "meta": kept} if kept else tree


async def test_every_example(
    client: httpx.AsyncClient, context: Context, examples: dict[ResourceKey, bytes], schema: etree.XMLSchema
) -> None:
    # what breaks a rule of the specification is stored all the same: this is about bytes, not about rules
    unchecked = replace(context, check_structure=False)
    for key, text in examples.items():
        await update(unchecked, key, parse(text))
    lossy, refused = set(), set()
    for key, text in examples.items():
        answer = await client.get(f"/{key}", headers={"accept": "application/fhir+xml"})
        assert answer.status_code == 200
        if content(from_xml(answer.content)) != content(text):
            lossy.add(str(key))
        if not schema.validate(etree.fromstring(answer.content)):
            refused.add(str(key))
    assert lossy == set()
    assert refused == set(OUTSIDE_THE_SCHEMA)


async def test_xml_that_went_out_comes_in_again(
    client: httpx.AsyncClient, context: Context, examples: dict[ResourceKey, bytes]
) -> None:
    unchecked = replace(context, check_structure=False)
    for key, text in list(examples.items())[::20]:
        await update(unchecked, key, parse(text))
        out = await client.get(f"/{key}", headers={"accept": "application/fhir+xml"})
        await update(unchecked, key, parse(from_xml(out.content)))
        assert content((await client.get(f"/{key}")).content) == content(text), str(key)
