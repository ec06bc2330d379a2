"""Spec: https://hl7.org/fhir/R4/bundle.html#references, https://hl7.org/fhir/R4/http.html#trules."""

from __future__ import annotations

import orjson
import pytest

from fhir_api.interactions.links import Links, Target
from fhir_api.model.errors import FhirError
from fhir_api.model.keys import ResourceKey
from tests.support.bundles import FHIR, created, entry, observation, patch_entry, patient, transact

URN = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
OID = "urn:oid:1.2.840.99999.1"
HTTP = "http://old.example/base/fhir/Patient/old"
ELSEWHERE = "http://old.example/base/fhir/Observation/1"


async def stored(client, *entries):
    """Carry out a transaction and return its last resource as stored, with what the first one became."""
    answered = await transact(client, *entries)
    return (await client.get(f"/{created(answered[-1])}")).json(), created(answered[0])


@pytest.mark.parametrize(
    ("full_url", "own", "reference", "found"),
    [
        (URN, None, URN, "{}"),
        (URN, ELSEWHERE, URN, "{}"),
        (OID, None, OID, "{}"),
        (HTTP, None, HTTP, "{}"),
        (HTTP, "urn:uuid:9", HTTP, "{}"),
        (HTTP, ELSEWHERE, "Patient/old", "{}"),
        (HTTP, None, f"{HTTP}/_history/77", "{}/_history/1"),
        (HTTP, ELSEWHERE, "Patient/old/_history/77", "{}/_history/1"),
        (HTTP, None, f"{HTTP}#part", "{}#part"),
        ("http://127.0.0.1:8080/fhir/Patient/old", None, "http://127.0.0.1:8080/fhir/Patient/old", "{}"),
        # what is not an entry of the transaction stays as it is
        (HTTP, None, "Patient/old", "Patient/old"),
        (HTTP, "urn:uuid:9", "Patient/old", "Patient/old"),
        (HTTP, ELSEWHERE, "Patient/other", "Patient/other"),
        (HTTP, "http://third.example/fhir/Observation/1", "Patient/old", "Patient/old"),
        (HTTP, None, "http://third.example/fhir/Patient/old", "http://third.example/fhir/Patient/old"),
        (URN, None, "urn:isbn:1", "urn:isbn:1"),
    ],
)
async def test_every_form_of_reference(client, full_url, own, reference, found):
    patient_entry = entry("POST", "Patient", patient(id="old"), full_url)
    resource, made = await stored(client, patient_entry, entry("POST", "Observation", observation(reference), own))
    assert resource["subject"]["reference"] == found.format(made)


async def test_what_was_replaced_is_found_by_search(client):
    patient_entry = entry("POST", "Patient", patient(), URN)
    resource, made = await stored(client, patient_entry, entry("POST", "Observation", observation(URN)))
    found = (await client.get(f"/Observation?subject={made}")).json()["entry"]
    assert [each["resource"]["id"] for each in found] == [resource["id"]]


async def test_references_in_both_directions(client):
    other = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    answered = await transact(
        client,
        entry("POST", "Patient", patient(link=[{"other": {"reference": other}, "type": "seealso"}]), URN),
        entry("POST", "Patient", patient(link=[{"other": {"reference": URN}, "type": "seealso"}]), other),
    )
    names = [created(each) for each in answered]
    linked = [(await client.get(f"/{name}")).json()["link"][0]["other"]["reference"] for name in names]
    assert linked == names[::-1]


async def test_links_in_every_place_that_may_hold_one(client):
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{URN}">é</a><img src=\'{URN}\' alt="{URN}"/>{URN}</div>'
    resource, made = await stored(
        client,
        entry("POST", "Patient", patient(), URN),
        entry(
            "POST",
            "Basic",
            {
                "resourceType": "Basic",
                "text": {"status": "generated", "div": div},
                "contained": [
                    {"resourceType": "Basic", "id": "c", "code": {"text": URN}, "subject": {"reference": URN}}
                ],
                "extension": [
                    {"url": "http://x/reference", "valueReference": {"reference": URN}},
                    {"url": "http://x/uri", "valueUri": URN},
                    {"url": "http://x/url", "valueUrl": URN},
                    {"url": "http://x/uuid", "valueUuid": URN},
                    {"url": "http://x/canonical", "valueCanonical": URN},
                    {"url": "http://x/string", "valueString": URN},
                    {"url": "http://x/markdown", "valueMarkdown": URN},
                    {"url": "http://x/inner", "extension": [{"url": "x", "valueReference": {"reference": URN}}]},
                ],
                "identifier": [{"system": "urn:ietf:rfc:3986", "value": URN}],
                "code": {"text": "x"},
                "_created": {"extension": [{"url": "http://x/in-primitive", "valueReference": {"reference": URN}}]},
                "subject": {"reference": "#c"},
            },
        ),
    )
    extensions = {each["url"][9:]: each for each in resource["extension"]}
    assert extensions["reference"]["valueReference"]["reference"] == made
    assert extensions["uri"]["valueUri"] == extensions["url"]["valueUrl"] == made
    assert extensions["uuid"]["valueUuid"] == URN
    assert extensions["canonical"]["valueCanonical"] == URN
    assert extensions["string"]["valueString"] == extensions["markdown"]["valueMarkdown"] == URN
    assert extensions["inner"]["extension"][0]["valueReference"]["reference"] == made
    assert resource["identifier"] == [{"system": "urn:ietf:rfc:3986", "value": URN}]
    assert resource["_created"]["extension"][0]["valueReference"]["reference"] == made
    assert resource["contained"][0]["subject"]["reference"] == made
    assert resource["contained"][0]["code"]["text"] == URN
    assert resource["subject"]["reference"] == "#c"
    assert f'<a href="{made}">é</a><img src=\'{made}\' alt="{URN}"/>{URN}' in resource["text"]["div"]


async def test_relative_links_of_a_narrative(client):
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><a href="Patient/old">a</a><a href="Patient/x">b</a></div>'
    about = observation("Patient/old", text={"status": "generated", "div": div})
    resource, made = await stored(
        client, entry("POST", "Patient", patient(), HTTP), entry("POST", "Observation", about, ELSEWHERE)
    )
    assert f'<a href="{made}">a</a><a href="Patient/x">b</a>' in resource["text"]["div"]


@pytest.mark.parametrize("number", ["72.50", "1.0", "1E+2", "1e2", "12345678901234567890.5"])
async def test_what_is_no_link_keeps_its_bytes(client, number):
    text = r"caf\u00e9 \"quoted\" \\ \t 💉 "
    observed = (
        f'{{"resourceType":"Observation","status":"final","code":{{"text":"{text}"}},"subject":{{"reference":"{URN}"}},'
        f'"extension":[{{"url":"http://x","valueUri":"{URN}"}}],"valueQuantity":{{"value":{number}}}}}'
    )
    bundle = (
        '{"resourceType":"Bundle","type":"transaction","entry":['
        f'{{"fullUrl":"{URN}","resource":{{"resourceType":"Patient"}},"request":{{"method":"POST","url":"Patient"}}}},'
        f'{{"resource":{observed},"request":{{"method":"POST","url":"Observation"}}}}]}}'
    )
    response = await client.post("/", content=bundle.encode(), headers=FHIR)
    names = [created(each) for each in response.json()["entry"]]
    read = (await client.get(f"/{names[1]}")).content
    assert f'"code":{{"text":"{text}"}},"subject":{{"reference":"{names[0]}"}}'.encode() in read
    assert f'"valueUri":"{names[0]}"}}],"valueQuantity":{{"value":{number}}}}}'.encode() in read


async def test_a_version_that_an_update_makes_is_named(client, store):
    await store("Patient", "a")
    full_url = "http://127.0.0.1:8080/fhir/Patient/a"
    about = observation(f"{full_url}/_history/1")
    for version in (2, 3):
        resource, _ = await stored(
            client,
            entry("PUT", "Patient/a", patient(id="a", gender="male"), full_url),
            entry("POST", "Observation", about),
        )
        assert resource["subject"]["reference"] == f"Patient/a/_history/{version}"
        assert (await client.get(f"/Patient/a/_history/{version}")).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"ifMatch": 'W/"1"'}])
@pytest.mark.parametrize("change", [entry, patch_entry])
async def test_a_version_that_is_named_is_made(client, store, change, headers):
    await store("Patient", "a", gender="male")
    same = entry("PUT", "Patient/a", patient(id="a", gender="male"), **headers)
    if change is patch_entry:
        same = patch_entry("Patient/a", {"op": "test", "path": "/gender", "value": "male"}, **headers)
    about = observation(f"{HTTP}/_history/1")
    resource, _ = await stored(client, {**same, "fullUrl": HTTP}, entry("POST", "Observation", about))
    assert resource["subject"]["reference"] == "Patient/a/_history/2"
    assert (await client.get("/Patient/a")).headers["etag"] == 'W/"2"'


async def test_references_inside_a_bundle_that_is_stored_are_its_own(client):
    inner = "urn:uuid:5b6b7b57-94a1-4d4f-a1ab-1d0f4b4f8d6e"
    collection = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": inner, "resource": patient()}, {"fullUrl": URN, "resource": observation(inner)}],
    }
    resource, _ = await stored(client, entry("POST", "Patient", patient(), URN), entry("POST", "Bundle", collection))
    assert resource["entry"] == collection["entry"]


TARGETS = {URN: Target(ResourceKey("Patient", "new")), HTTP: Target(ResourceKey("Patient", "new"), 4)}


@pytest.mark.parametrize(
    ("link", "own", "found"),
    [
        (URN, None, "Patient/new"),
        (f"{HTTP}/_history/1#x", None, "Patient/new/_history/4#x"),
        ("#x", ELSEWHERE, None),
        ("", ELSEWHERE, None),
        ("Patient?identifier=1", ELSEWHERE, None),
    ],
)
def test_resolve(link, own, found):
    assert Links(TARGETS).resolve(link, own) == found


@pytest.mark.parametrize(
    "text",
    [
        b'{"resourceType":"Patient","id":"\xff","managingOrganization":{"reference":"\xff"},"text":"urn:uuid:"}',
        b'{"resourceType":"Patient","managingOrganization":{"reference":"\\ud800"},"text":"urn:uuid:"}',
        b'[{"reference":"urn:uuid:1"}]',
    ],
)
def test_what_is_not_sound_is_refused_or_left_to_the_parser(text):
    try:
        rewritten = Links(TARGETS).rewrite(text, None)
    except FhirError:
        return
    assert rewritten == text


def test_an_escaped_reference_is_read():
    reference = URN.replace("urn:uuid:", "urn:uuid\\u003a")
    text = f'{{"resourceType":"Patient","managingOrganization":{{"reference":"{reference}"}}}}'.encode()
    assert orjson.loads(Links(TARGETS).rewrite(text, None))["managingOrganization"] == {"reference": "Patient/new"}
