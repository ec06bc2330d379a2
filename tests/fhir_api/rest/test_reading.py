from __future__ import annotations

import httpx
import pytest

from tests.support.outcomes import issue_code, link

PATIENT = {"name": [{"family": "Uwase", "given": ["Aline"]}], "gender": "female", "birthDate": "1990-01-02"}


async def test_read_returns_the_stored_text_with_its_version(client, store):
    await store("Patient", "a", **PATIENT)
    response = await client.get("/Patient/a")
    assert response.status_code == 200
    assert response.headers["etag"] == 'W/"1"'
    assert response.headers["content-type"] == "application/fhir+json;charset=utf-8"
    assert response.json()["meta"]["versionId"] == "1"
    assert response.json()["name"] == PATIENT["name"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/Patient/never", 404, "not-found"),
        ("/Patient/gone", 410, "deleted"),
        ("/patient/a", 404, "not-supported"),
        ("/Patient/not_an_id", 404, "value"),
        ("/Patient/" + "a" * 65, 404, "value"),
        ("/Patient/a/_history/9", 404, "not-found"),
        ("/Patient/a/_history/x", 404, "not-found"),
        ("/Patient/gone/_history/2", 410, "deleted"),
        ("/Patient/a/$nonsense", 404, "not-supported"),
        ("/$convert", 404, "not-supported"),
        ("/Patient/a/b/c/d", 404, "not-supported"),
        ("/Patient/a?color=red", 400, "not-supported"),
        ("/Patient/a?_summary=count", 400, "value"),
        ("/Patient/a?_summary=some", 400, "value"),
    ],
)
async def test_read_refuses_what_is_not_there(client, store, path, status, code):
    await store("Patient", "a")
    await store("Patient", "gone")
    await client.delete("/Patient/gone")
    response = await client.get(path)
    assert (response.status_code, issue_code(response)) == (status, code)


async def test_an_unknown_parameter_is_ignored_when_the_client_is_lenient(client, store):
    await store("Patient", "a")
    response = await client.get("/Patient/a?color=red", headers={"prefer": "handling=lenient"})
    assert response.status_code == 200


async def test_vread_returns_the_version_asked_for(client, store):
    await store("Patient", "a", gender="male")
    await store("Patient", "a", gender="female")
    response = await client.get("/Patient/a/_history/1")
    assert (response.headers["etag"], response.json()["gender"]) == ('W/"1"', "male")


async def test_head_has_the_headers_of_get_and_no_body(client, store):
    await store("Patient", "a", **PATIENT)
    get, head = await client.get("/Patient/a"), await client.head("/Patient/a")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["etag"] == get.headers["etag"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": 'W/"1"'}, 304),
        ({"if-none-match": '"1"'}, 304),
        ({"if-none-match": 'W/"7", W/"1"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": 'W/"2"'}, 200),
        ({"if-none-match": "1"}, 400),
        ({"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
        ({"if-modified-since": "Thu, 01 Jan 2015 00:00:00 GMT"}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-none-match": 'W/"2"', "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200),
    ],
)
async def test_conditional_read(client, store, headers, status):
    await store("Patient", "a")
    response = await client.get("/Patient/a", headers=headers)
    assert response.status_code == status
    assert status != 304 or (response.content == b"" and response.headers["etag"] == 'W/"1"')


async def test_elements_keeps_what_was_asked_for_and_what_is_mandatory(client, store):
    code = {"text": "heart rate"}
    await store("Observation", "o", status="final", code=code, valueInteger=72, issued="2026-01-01T00:00:00Z")
    resource = (await client.get("/Observation/o?_elements=value")).json()
    assert set(resource) == {"resourceType", "id", "meta", "status", "code", "valueInteger"}
    assert resource["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_summary_true_cuts_inside_backbone_elements(client, store):
    component = {"code": {"text": "systolic"}, "valueInteger": 120, "interpretation": [{"text": "high"}]}
    note = [{"text": "lying"}]
    await store("Observation", "o", status="final", code={"text": "pressure"}, component=[component], note=note)
    resource = (await client.get("/Observation/o?_summary=true")).json()
    assert "note" not in resource
    assert resource["component"] == [{"code": {"text": "systolic"}, "valueInteger": 120}]


async def test_summary_keeps_the_digits_of_decimals(client):
    text = (
        '{"resourceType":"Observation","id":"d","status":"final","code":{"text":"x"},"valueQuantity":{"value":72.50}}'
    )
    await client.put("/Observation/d", content=text, headers={"content-type": "application/fhir+json"})
    assert '"value":72.50' in (await client.get("/Observation/d?_summary=true")).text


async def test_summary_text_and_data(client, store):
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A</div>'}
    await store("Patient", "a", text=text, gender="male")
    as_text = (await client.get("/Patient/a?_summary=text")).json()
    as_data = (await client.get("/Patient/a?_summary=data")).json()
    assert set(as_text) == {"resourceType", "id", "meta", "text"}
    assert set(as_data) == {"resourceType", "id", "meta", "gender"}


async def test_history_shows_every_version_newest_first(client, store):
    await store("Patient", "a", gender="male")
    await store("Patient", "a", gender="female")
    await client.delete("/Patient/a")
    bundle = (await client.get("/Patient/a/_history")).json()
    assert [entry["request"]["method"] for entry in bundle["entry"]] == ["DELETE", "PUT", "PUT"]
    assert [entry["response"]["status"] for entry in bundle["entry"]] == ["204", "200", "201"]
    assert [entry.get("resource", {}).get("gender") for entry in bundle["entry"]] == [None, "female", "male"]
    assert bundle["entry"][1]["response"]["etag"] == 'W/"2"'
    assert {entry["fullUrl"] for entry in bundle["entry"]} == {"http://127.0.0.1:8080/fhir/Patient/a"}


@pytest.mark.parametrize("path", ["/_history", "/Patient/_history"])
async def test_history_pages_of_type_and_system_hold_each_version_once(client, store, path):
    for number in range(7):
        await store("Patient", f"p{number}")
    url: str | None = f"{path}?_count=3"
    seen: list[str] = []
    while url:
        bundle = (await client.get(url)).json()
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        url = link(bundle, "next")
    assert seen == [f"p{number}" for number in reversed(range(7))]


@pytest.mark.parametrize(
    "query", ["_count=0", "_count=x", "_since=soon", "_at=2026-13", "_cursor=AAAA", "name=x", "_since=1&_since=2"]
)
async def test_history_refuses_what_it_does_not_understand(client, store, query):
    await store("Patient", "a")
    assert (await client.get(f"/Patient/a/_history?{query}")).status_code == 400


async def test_history_of_what_never_was_is_not_found(client):
    assert (await client.get("/Patient/never/_history")).status_code == 404


async def test_history_since_takes_the_offset_of_a_zone_with_a_plain_plus(client, store):
    await store("Patient", "a")
    bundle = (await client.get("/Patient/a/_history?_since=2100-01-01T00:00:00+02:00")).json()
    assert "entry" not in bundle
    response: httpx.Response = await client.get("/Patient/a/_history?_since=2015-01-01T00:00:00%2B02:00")
    assert len(response.json()["entry"]) == 1
