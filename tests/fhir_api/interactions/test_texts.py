from __future__ import annotations

import re

import orjson

from fhir_api.interactions.links import Links, Target
from fhir_api.interactions.texts import texts
from fhir_api.model.keys import ResourceKey
from tests.support.examples import official_examples

_STRING = re.compile(rb'("(?:[^"\\]|\\.)*")(:?)')


def test_texts_come_in_the_order_of_the_json():
    for resource in official_examples():
        written = [orjson.loads(text) for text, colon in _STRING.findall(orjson.dumps(resource)) if not colon]
        assert [text.value for text in texts(resource)] == written


def test_every_text_of_the_examples_has_a_type():
    unknown = {
        f"{resource['resourceType']}.{text.place}"
        for resource in official_examples()
        for text in texts(resource)
        if not text.kind and text.place != "resourceType" and not text.place.endswith(".resourceType")
    }
    assert not unknown


def test_places_are_those_of_fhirpath():
    resource = {"resourceType": "Patient", "name": [{"given": ["A", "B"]}], "_birthDate": {"id": "x"}}
    found = [(text.place, text.kind) for text in texts(resource)]
    assert found == [
        ("resourceType", ""),
        ("name[0].given[0]", "string"),
        ("name[0].given[1]", "string"),
        ("birthDate.id", "string"),
    ]


def test_resources_without_links_keep_every_byte():
    # every mark of a link is looked for, so each resource is walked by type
    links = Links({
        "urn:uuid:0": Target(ResourceKey("Patient", "new")),
        "http://nowhere.example/Patient/0": Target(ResourceKey("Patient", "new")),
    })  # fmt: skip
    for resource in official_examples():
        text = orjson.dumps(resource)
        if b'"reference":"urn:' not in text:
            assert links.rewrite(text, None) == text
