"""What the server makes itself follows the definitions it asks of others, in both formats."""

from __future__ import annotations

import pytest

from fhir_api.formats.xml import from_xml
from fhir_api.model.resource import parse
from fhir_api.validation.validator import Validator

VALIDATOR = Validator()
BATCH = {
    "resourceType": "Bundle",
    "type": "batch",
    "entry": [
        {"request": {"method": "GET", "url": "Patient/a"}},
        {"request": {"method": "GET", "url": "Patient/never"}},
        {"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient"}},
        {"request": {"method": "DELETE", "url": "Patient/b"}},
    ],
}


@pytest.mark.parametrize("wanted", ["json", "xml"])
@pytest.mark.parametrize(
    "path",
    [
        "/metadata",
        "/metadata?_summary=true",
        "/Patient/a",
        "/Patient/a?_summary=true",
        "/Patient/a?_elements=name",
        "/Patient/never",
        "/Patient",
        "/Patient?_count=1&_total=accurate",
        "/Patient?_count=0",
        "/Patient?_summary=count",
        "/Patient?name=nobody",
        "/Patient?_summary=text",
        "/Patient/_history",
        "/Patient/_history?_count=1",
        "/Patient/gone/_history",
        "/Nonsense",
        "/Patient?nonsense=1",
    ],
)
async def test_every_answer_is_a_sound_resource(client, store, path, wanted):
    await store("Patient", "a", name=[{"family": "A"}], text={"status": "empty", "div": DIV})
    await store("Patient", "gone")
    await client.delete("/Patient/gone")
    response = await client.get(path, params={**dict(pairs(path)), "_format": wanted})
    text = from_xml(response.content) if wanted == "xml" else response.content
    assert VALIDATOR.check(parse(text)) == ()


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_the_answer_to_a_bundle_is_sound(client, store, kind):
    await store("Patient", "a")
    entries = [entry for entry in BATCH["entry"] if kind == "batch" or "never" not in str(entry)]
    bundle = {**BATCH, "type": kind, "entry": entries}
    response = await client.post("/", json=bundle, headers={"content-type": "application/fhir+json"})
    assert response.status_code == 200
    assert VALIDATOR.check(parse(response.content)) == ()


DIV = '<div xmlns="http://www.w3.org/1999/xhtml">A</div>'


def pairs(path):
    return [tuple(pair.split("=")) for pair in path.partition("?")[2].split("&") if pair]
