from __future__ import annotations

import pytest

from fhir_api.model.errors import FhirError
from fhir_api.rest.negotiation import accepts, presentation
from tests.support.outcomes import issue_code

JSON_TYPE = b"application/fhir+json;charset=utf-8"
XML_TYPE = b"application/fhir+xml;charset=utf-8"
OBSERVATION = (
    '{"resourceType":"Observation","id":"d","status":"final","code":{"text":"x"},'
    '"valueQuantity":{"value":72.50,"unit":"kg"},"referenceRange":[{"low":{"value":1E+2}}]}'
)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, JSON_TYPE),
        ("", JSON_TYPE),
        ("*/*", JSON_TYPE),
        ("application/*", JSON_TYPE),
        ("application/fhir+json", JSON_TYPE),
        ("application/fhir+json; fhirVersion=4.0", JSON_TYPE),
        ("application/json", b"application/json;charset=utf-8"),
        ("application/fhir+xml", XML_TYPE),
        ("text/xml", b"text/xml;charset=utf-8"),
        ("application/fhir+json;q=0.5, application/fhir+xml", XML_TYPE),
        ("application/fhir+xml;q=0.5, application/fhir+json;q=0.6", JSON_TYPE),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", b"application/xml;charset=utf-8"),
        ("application/fhir+json; fhirVersion=3.0, application/fhir+xml", XML_TYPE),
        ("application/fhir+xml;q=0, */*", JSON_TYPE),
        ("text/turtle", None),
        ("application/fhir+json;q=0", None),
        ("application/fhir+json; fhirVersion=3.0", None),
        ("application/fhir+json;q=many", None),
    ],
)
def test_accept(accept, content_type):
    found = presentation(accept, ())
    assert (None if found is None else found.content_type) == content_type


@pytest.mark.parametrize(
    ("wanted", "content_type"),
    [
        ("json", JSON_TYPE),
        ("xml", XML_TYPE),
        ("application/fhir xml", XML_TYPE),
        ("application/fhir+xml", XML_TYPE),
        ("text/json", b"application/json;charset=utf-8"),
        ("application/fhir+json; fhirVersion=4.0", JSON_TYPE),
    ],
)
def test_format_goes_before_accept(wanted, content_type):
    found = presentation("text/turtle", (("_format", wanted),))
    assert found is not None
    assert found.content_type == content_type


@pytest.mark.parametrize("wanted", ["ttl", "html", "", "application/fhir+json; fhirVersion=5.0"])
def test_format_that_is_unknown_is_refused(wanted):
    with pytest.raises(FhirError):
        presentation(None, (("_format", wanted),))


def test_accepts_looks_at_ranges():
    assert accepts("image/*", "image/png")
    assert accepts(None, "image/png")
    assert not accepts("text/html", "image/png")
    assert not accepts("image/png;q=0", "image/png")


async def test_not_acceptable_before_anything_is_written(client):
    headers = {"content-type": "application/fhir+json", "accept": "text/turtle"}
    response = await client.put("/Patient/a", content=b'{"resourceType":"Patient","id":"a"}', headers=headers)
    assert (response.status_code, issue_code(response)) == (406, "not-supported")
    assert (await client.get("/Patient/a")).status_code == 404


async def test_errors_come_in_the_format_asked_for(client):
    response = await client.get("/Patient/never", headers={"accept": "application/fhir+xml"})
    assert response.status_code == 404
    assert response.headers["content-type"] == XML_TYPE.decode()
    assert b"<OperationOutcome" in response.content


async def test_pretty_json_and_xml(client, store):
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>a <b>b</b> c</p></div>'
    await store("Patient", "a", text={"status": "generated", "div": div}, name=[{"family": "A"}])
    as_json = (await client.get("/Patient/a?_pretty=true")).text
    as_xml = (await client.get("/Patient/a?_pretty=true&_format=xml")).text
    assert '\n  "id": "a",\n' in as_json
    assert '\n  <name>\n    <family value="A"/>\n  </name>\n' in as_xml
    assert "<p>a <b>b</b> c</p>" in as_xml
    assert (await client.get("/Patient/a?_pretty=perhaps")).status_code == 400


async def test_decimals_keep_their_digits_through_both_formats(client):
    headers = {"content-type": "application/fhir+json", "accept": "application/fhir+xml"}
    written = await client.put("/Observation/d", content=OBSERVATION, headers=headers)
    assert '<value value="72.50"/>' in written.text
    assert '<value value="1E+2"/>' in written.text
    changed = written.content.replace(b"final", b"amended")
    back = await client.put("/Observation/d", content=changed, headers={"content-type": "application/fhir+xml"})
    assert back.status_code == 200
    assert '"value":72.50' in back.text
    assert '"value":1E+2' in back.text


@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Patient xmlns="http://hl7.org/fhir"><id value="&a;"/></Patient>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir">&a;</Patient>',
        b"<Patient/>",
        b'<Patient xmlns="http://hl7.org/fhir"><unknown value="1"/></Patient>',
        b"not xml",
        b"",
    ],
)
async def test_xml_that_is_dangerous_or_wrong_is_refused(client, content):
    response = await client.put("/Patient/a", content=content, headers={"content-type": "application/fhir+xml"})
    assert response.status_code == 400
    assert b"passwd" not in response.content
