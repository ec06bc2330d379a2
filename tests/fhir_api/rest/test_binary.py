from __future__ import annotations

from base64 import b64encode

import pytest

PICTURE = bytes(range(256)) * 20
FHIR = {"content-type": "application/fhir+json"}


@pytest.fixture
async def picture(client):
    """A picture as it comes from a camera."""
    headers = {"content-type": "image/png", "x-security-context": "Patient/1"}
    response = await client.put("/Binary/picture", content=PICTURE, headers=headers)
    assert response.status_code == 201
    return "/Binary/picture"


async def test_content_comes_back_as_it_went_in(client, picture):
    response = await client.get(picture, headers={"accept": "*/*"})
    assert response.content == PICTURE
    assert response.headers["content-type"] == "image/png"
    assert response.headers["etag"] == 'W/"1"'


async def test_a_browser_cannot_run_what_was_stored(client):
    script = b"<script>alert(1)</script>"
    await client.put("/Binary/x", content=script, headers={"content-type": "text/html"})
    response = await client.get("/Binary/x", headers={"accept": "text/html"})
    assert response.content == script
    assert response.headers["content-security-policy"].startswith("sandbox")
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("url", "accept"),
    [("", "application/fhir+json"), ("?_format=json", "*/*"), ("", "application/json"), ("?_summary=false", "*/*")],
)
async def test_the_resource_comes_when_it_is_asked_for(client, picture, url, accept):
    response = await client.get(picture + url, headers={"accept": accept})
    binary = response.json()
    assert binary["resourceType"] == "Binary"
    assert binary["contentType"] == "image/png"
    assert binary["data"] == b64encode(PICTURE).decode()
    assert binary["securityContext"] == {"reference": "Patient/1"}


async def test_an_accept_that_allows_neither(client, picture):
    assert (await client.get(picture, headers={"accept": "image/jpeg"})).status_code == 406
    assert (await client.get(picture, headers={"accept": "image/*"})).status_code == 200


async def test_head_and_conditional_read(client, picture):
    head = await client.head(picture)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(PICTURE)), b"")
    assert (await client.get(picture, headers={"if-none-match": 'W/"1"'})).status_code == 304


async def test_a_binary_resource_in_plain_json_is_one(client):
    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": b64encode(b"hi").decode()}
    await client.put("/Binary/b", json=binary, headers={"content-type": "application/json"})
    assert (await client.get("/Binary/b", headers={"accept": "text/plain"})).content == b"hi"


async def test_any_other_json_is_content(client):
    await client.put("/Binary/b", content=b'{"a": 1}', headers={"content-type": "application/json"})
    response = await client.get("/Binary/b", headers={"accept": "application/json"})
    assert response.content == b'{"a": 1}'


async def test_create_chooses_the_id(client):
    response = await client.post("/Binary", content=b"hello", headers={"content-type": "text/plain; charset=latin-1"})
    assert response.status_code == 201
    assert response.json()["contentType"] == "text/plain; charset=latin-1"


@pytest.mark.parametrize("content_type", ["nonsense", "text/plain\x01", "a/b/c"])
async def test_a_content_type_that_is_none_is_refused(client, content_type):
    response = await client.post("/Binary", content=b"x", headers={"content-type": content_type.encode()})
    assert response.status_code == 415


async def test_a_stored_content_type_cannot_split_headers(client):
    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain\r\nX-Evil: 1"}
    response = await client.put("/Binary/b", json=binary, headers=FHIR)
    if response.status_code == 201:
        shown = await client.get("/Binary/b", headers={"accept": "*/*"})
        assert shown.headers["content-type"] == "application/octet-stream"
