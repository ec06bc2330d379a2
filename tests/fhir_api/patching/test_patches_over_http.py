"""Patches of each format, by id, conditionally and in Bundles.

Spec: https://hl7.org/fhir/R4/http.html#patch
"""

from __future__ import annotations

from base64 import b64encode

import orjson
import pytest

from fhir_api.formats.xml import to_xml
from tests.support.bundles import entry, send, statuses
from tests.support.outcomes import issue_code, outcome
from tests.support.patches import operation, parameters

FHIRPATH = parameters(operation("replace", "Patient.gender", value={"valueCode": "female"}))
TEXTS = {
    "application/json-patch+json": b'[{"op":"replace","path":"/gender","value":"female"}]',
    "application/xml-patch+xml": b'<diff xmlns:f="http://hl7.org/fhir">'
    b'<replace sel="f:Patient/f:gender/@value">female</replace></diff>',
    "application/fhir+json": orjson.dumps(FHIRPATH),
    "application/fhir+xml": to_xml(orjson.dumps(FHIRPATH)),
}
FORMATS = pytest.mark.parametrize("media_type", TEXTS)


def carrier(media_type):
    if media_type == "application/fhir+json":
        return FHIRPATH
    return {"resourceType": "Binary", "contentType": media_type, "data": b64encode(TEXTS[media_type]).decode()}


@pytest.fixture(autouse=True)
async def there(store):
    await store("Patient", "a", gender="male", active=True)


async def patched(client, media_type, url="/Patient/a", text=None, **headers):
    content = TEXTS[media_type] if text is None else text
    return await client.patch(url, content=content, headers={"content-type": media_type, **headers})


@FORMATS
@pytest.mark.parametrize("url", ["/Patient/a", "/Patient?gender=male"])
async def test_by_id_and_conditionally(client, media_type, url):
    response = await patched(client, media_type, url)
    assert (response.status_code, response.json()["gender"], response.headers["etag"]) == (200, "female", 'W/"2"')
    assert (await client.get("/Patient/a")).json()["active"] is True


@FORMATS
async def test_the_answer_has_the_format_asked_for(client, media_type):
    response = await patched(client, media_type, accept="application/fhir+xml")
    assert b'<gender value="female"/>' in response.content


@FORMATS
@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("url", ["Patient/a", "Patient?gender=male"])
async def test_in_bundles(client, media_type, kind, url):
    assert statuses(await send(client, kind, entry("PATCH", url, carrier(media_type)))) == ["200"]
    assert (await client.get("/Patient/a")).json()["gender"] == "female"


@FORMATS
async def test_if_match(client, media_type):
    assert (await patched(client, media_type, **{"if-match": 'W/"7"'})).status_code == 412
    assert (await patched(client, media_type, **{"if-match": 'W/"1"'})).status_code == 200
    stale = entry("PATCH", "Patient/a", carrier(media_type), ifMatch='W/"1"')
    assert (await send(client, "transaction", stale)).status_code == 412


FAILING = {
    "application/json-patch+json": b'[{"op":"remove","path":"/gender"},{"op":"remove","path":"/gender"}]',
    "application/xml-patch+xml": b'<diff xmlns:f="http://hl7.org/fhir">'
    b'<remove sel="f:Patient/f:gender"/><remove sel="f:Patient/f:gender"/></diff>',
    "application/fhir+json": orjson.dumps(
        parameters(
            operation("delete", "Patient.gender"), operation("replace", "Patient.gender", value={"valueCode": "x"})
        )
    ),
}


@pytest.mark.parametrize("media_type", FAILING)
async def test_all_operations_or_none(client, media_type):
    response = await patched(client, media_type, text=FAILING[media_type])
    assert (response.status_code, issue_code(response)) == (422, "processing")
    assert outcome(response)["issue"][0]["diagnostics"].startswith("Operation 1 (")
    current = (await client.get("/Patient/a")).json()
    assert (current["gender"], current["meta"]["versionId"]) == ("male", "1")


@pytest.mark.parametrize(
    ("media_type", "text", "status"),
    [
        ("application/json-patch+json", b'[{"op":"replace","path":"/meta/versionId","value":"9"}]', 422),
        ("application/json-patch+json", b'[{"op":"replace","path":"/meta/lastUpdated","value":"2020-01-01"}]', 422),
        ("application/json-patch+json", b'[{"op":"replace","path":"/id","value":"b"}]', 422),
        ("application/json-patch+json", b'[{"op":"remove","path":"/meta"}]', 200),
        ("application/json-patch+json", b'[{"op":"replace","path":"/gender","value":"unheard-of"}]', 400),
        (
            "application/xml-patch+xml",
            b'<diff xmlns:f="http://hl7.org/fhir"><replace sel="f:Patient/f:id/@value">b</replace></diff>',
            422,
        ),
        ("application/xml-patch+xml", b"<!DOCTYPE diff><diff/>", 400),
        (
            "application/fhir+json",
            orjson.dumps(parameters(operation("replace", "Patient.meta.versionId", value={"valueId": "9"}))),
            422,
        ),
        ("application/fhir+json", orjson.dumps(parameters(operation("delete", "Patient.id"))), 422),
        (
            "application/fhir+json",
            orjson.dumps(parameters(operation("replace", "Patient.gender", value={"valueCode": "unheard-of"}))),
            400,
        ),
        ("application/fhir+json", b'{"resourceType":"Patient"}', 400),
        ("application/fhir+xml", b"<Patient", 400),
        ("application/json", b"[]", 415),
    ],
)
async def test_what_a_patch_may_change(client, media_type, text, status):
    response = await patched(client, media_type, text=text)
    assert response.status_code == status
    current = (await client.get("/Patient/a")).json()
    assert (current["id"], current["gender"]) == ("a", "male")


async def test_a_patch_for_another_resource_in_a_bundle_is_refused(client):
    other = entry("PATCH", "Patient/a", {"resourceType": "Basic", "code": {"text": "x"}})
    unreadable = entry("PATCH", "Patient/a", {**carrier("application/xml-patch+xml"), "data": "%"})
    odd = entry("PATCH", "Patient/a", {"resourceType": "Binary", "contentType": {}})
    assert statuses(await send(client, "batch", other, unreadable, odd)) == ["400", "400", "400"]
    assert (await send(client, "transaction", other)).status_code == 400
