"""Spec: https://hl7.org/fhir/R4/bundle.html."""

from __future__ import annotations

import pytest

from fhir_api.interactions.envelope import read_bundle
from fhir_api.model.errors import FhirError
from tests.support.bundles import FHIR, entry, patient, send
from tests.support.outcomes import outcome

REQUEST = '"request":{"method":"POST","url":"Patient"}'
PATIENT = '"resource":{"resourceType":"Patient"}'


def bundle(entries: str, kind: str = "transaction") -> str:
    return f'{{"resourceType":"Bundle","type":"{kind}","entry":[{entries}]}}'


GOOD = f"{{{PATIENT},{REQUEST}}}"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (bundle(GOOD, "searchset"), "Bundle.type"),
        (bundle(GOOD, "document"), "Bundle.type"),
        ('{"resourceType":"Bundle"}', "Bundle.type"),
        ('{"resourceType":"Patient","type":"batch"}', "Bundle.type"),
        ('{"resourceType":"Patient","gender":"male"}', "Bundle.type"),
        (bundle(f'{GOOD},{{"shoe":1,{REQUEST}}}'), "Bundle.entry[1]"),
        (bundle(f'{GOOD},{{"request":{{"method":"POST","url":"Patient","shoe":1}}}}'), "Bundle.entry[1].request"),
        (bundle(f'{GOOD},{{"request":{{"method":"POST"}}}}'), "Bundle.entry[1].request"),
        (bundle(f'{GOOD},{{"request":{{"method":1,"url":"Patient"}}}}'), "Bundle.entry[1].request.method"),
        (bundle(f'{GOOD},{{"fullUrl":1,{REQUEST}}}'), "Bundle.entry[1].fullUrl"),
        (bundle(f"{GOOD},5"), "Bundle.entry[1]"),
        (bundle(f"{GOOD},null"), "Bundle.entry[1]"),
        (bundle(GOOD).replace('"type"', '"shoe":1,"type"'), "Bundle"),
        ('{"resourceType":"Bundle","type":"batch","entry":{}}', "Bundle.entry"),
        (bundle(f'{GOOD},{{{PATIENT},{REQUEST},"response":{{"status":"200"}}}}'), "Bundle.entry[1].response"),
        (bundle(f'{GOOD},{{{PATIENT},{REQUEST},"search":{{"mode":"match"}}}}'), "Bundle.entry[1].search"),
        (bundle(f'{GOOD},{{"link":[5],{PATIENT},{REQUEST}}}'), "Bundle.entry[1].link[0]"),
        (
            bundle(f'{GOOD},{{"link":[{{"relation":"self","shoe":1}}],{PATIENT},{REQUEST}}}'),
            "Bundle.entry[1].link[0]",
        ),
        (bundle(f'{GOOD},{{"fullUrl":"",{PATIENT},{REQUEST}}}'), "Bundle.entry[1].fullUrl"),
        (bundle(f'{GOOD},{{"resource":null,{REQUEST}}}'), None),
        (bundle(f'{GOOD},{{"resource":5,{REQUEST}}}'), None),
        (bundle(f'{GOOD},{{"resource":[],{REQUEST}}}'), None),
    ],
)
async def test_what_is_no_transaction_is_refused_with_its_place(client, body, place):
    response = await client.post("/", content=body, headers=FHIR)
    assert response.status_code == 400
    found = outcome(response)["issue"][0].get("expression", [""])[0]
    assert found == place if place else found.startswith("Bundle.entry[1]")
    assert "entry" not in (await client.get("/Patient")).json()


@pytest.mark.parametrize(
    "body",
    [
        bundle(GOOD).replace('"type"', '"type":"batch","type"'),
        bundle(f"{{{PATIENT},{REQUEST},{REQUEST}}}"),
        bundle(f"{{{PATIENT},{PATIENT},{REQUEST}}}"),
        bundle(GOOD.replace('"method"', '"method":"PUT","method"')),
        bundle(GOOD.replace('"resourceType"', r'"resourceType":"Group","resource\u0054ype"')),
        bundle(GOOD.replace('"Patient"}', '"Patient","gender":"male","gender":"male"}', 1)),
        bundle(GOOD.replace('"Patient"}', r'"Patient","id":"\u003a","gender":"male","gender":"male"}', 1)),
        bundle(GOOD).replace('"entry"', '"entry":[],"entry"'),
    ],
)
async def test_a_key_that_stands_twice_is_refused(client, body):
    response = await client.post("/", content=body, headers=FHIR)
    assert response.status_code == 400
    assert "twice" in outcome(response)["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "broken",
    [
        b'"gender":"\xff"',
        b'"gender":"\\ud800"',
        b'"gender":NaN',
        b'"gender":1e999999',
        b'"gender":01',
        b'"gender":"\x01"',
        b'"gender":"male",',
        b'"contact":' + b"[" * 3000 + b"]" * 3000,
        b'"contact":' + b"[" * 300 + b"]" * 300,
    ],
)
@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_resource_that_is_no_json_is_refused(client, kind, broken):
    body = bundle(GOOD, kind).encode().replace(b'"Patient"}', b'"Patient",%b}' % broken, 1)
    response = await client.post("/", content=body, headers=FHIR)
    if kind == "transaction" or response.status_code != 200:
        assert (response.status_code, outcome(response)["issue"][0]["code"]) == (400, "structure")
    else:
        assert response.json()["entry"][0]["response"]["status"] == "400 Bad Request"


async def test_other_elements_of_a_bundle_are_taken(client):
    sent = {
        "resourceType": "Bundle",
        "id": "b",
        "meta": {"tag": [{"code": "t"}]},
        "identifier": {"value": "1"},
        "type": "transaction",
        "timestamp": "2026-01-01T00:00:00Z",
        "link": [{"relation": "self", "url": "http://x"}],
        "entry": [
            {"id": "e", "link": [{"relation": "self", "url": "http://x"}], **entry("POST", "/Patient", patient())}
        ],
    }
    assert (await client.post("/", json=sent, headers=FHIR)).status_code == 200


async def test_white_space_does_not_matter(client):
    body = bundle(GOOD).replace(":", " :\n ").replace(",", "\t,\r\n")
    assert (await client.post("/", content=body, headers=FHIR)).status_code == 200


async def test_diagnostics_do_not_repeat_what_a_patient_is_called(client):
    unsound = patient(name=[{"family": ["Uwimana"]}], birthDate="Uwimana", active="Uwimana", telecom="Uwimana")
    response = await send(client, "transaction", entry("POST", "Patient", unsound))
    assert len(outcome(response)["issue"]) == 4
    assert "Uwimana" not in response.text


def test_a_bundle_without_entries():
    assert read_bundle(b'{"resourceType":"Bundle","type":"batch"}').entries == []


def test_bytes_that_are_no_text():
    with pytest.raises(FhirError):
        read_bundle(b'{"resourceType":"Bundle","type":"\xff"}')
