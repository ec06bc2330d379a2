"""Refusals say the line and column of the element in the body as it was sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.outcomes import outcome

JSON = {"content-type": "application/fhir+json"}
XML = {"content-type": "application/fhir+xml"}
LINE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
COLUMN = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col"

BAD_JSON = b'{\n  "resourceType": "Patient",\n  "gender": "unheard-of"\n}'
BAD_XML = b'<Patient xmlns="http://hl7.org/fhir">\n  <gender value="unheard-of"/>\n</Patient>'
BAD_ENTRY = b"""{"resourceType": "Bundle", "type": "transaction", "entry": [
  {"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient"}},
  {"request": {"method": "POST", "url": "Patient"}, "resource":
    {"resourceType": "Patient", "birthDate": "2020-02-30"}}
]}"""


def location(issue: dict[str, Any]) -> tuple[int, int]:
    found = {each["url"]: each["valueInteger"] for each in issue["extension"]}
    return found[LINE], found[COLUMN]


@pytest.mark.parametrize(
    ("url", "headers", "body", "expected"),
    [
        ("/Patient", JSON, BAD_JSON, (3, 13)),
        ("/Patient", XML, BAD_XML, (2, 3)),
        ("/", JSON, BAD_ENTRY, (4, 46)),
        ("/Patient", JSON, b'{"resourceType": "Patient",\n "gender" "male"}', (2, 11)),
        ("/Patient", XML, b'<Patient xmlns="http://hl7.org/fhir">\n <gander/></Patient>', (2, 2)),
        ("/Patient", XML, b'<Patient xmlns="http://hl7.org/fhir">\n <gender></Patient>', (2, 12)),
    ],
)
async def test_a_refusal_names_line_and_column(client, url, headers, body, expected):
    response = await client.post(url, content=body, headers=headers)
    assert response.status_code == 400
    assert location(outcome(response)["issue"][0]) == expected


async def test_what_names_no_element_has_no_line(client):
    response = await client.post("/Patient", content=b"[]", headers=JSON)
    assert "extension" not in outcome(response)["issue"][0]


async def test_a_byte_order_mark_is_ignored(client):
    response = await client.post("/Patient", content=b'\xef\xbb\xbf{"resourceType": "Patient"}', headers=JSON)
    assert response.status_code == 201
