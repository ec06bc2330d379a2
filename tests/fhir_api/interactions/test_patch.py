"""Spec: https://hl7.org/fhir/R4/http.html#patch, RFC 6902."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from fhir_api.patching import errors
from tests.support.bundles import FHIR
from tests.support.outcomes import issue_code, outcome

PATCH = {"content-type": "application/json-patch+json"}
URL = "/Patient/a"
OBSERVATION = '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":1}}'


async def apply(client, *operations, url=URL, **headers):
    return await client.patch(url, content=orjson.dumps(operations), headers={**PATCH, **headers})


@pytest.fixture
async def there(store):
    await store("Patient", "a", gender="male", name=[{"given": ["A", "B"]}, {"family": "F"}], active=True)


@pytest.mark.parametrize(
    ("operation", "element", "value"),
    [
        ({"op": "add", "path": "/birthDate", "value": "2020"}, "birthDate", "2020"),
        ({"op": "add", "path": "/gender", "value": "other"}, "gender", "other"),
        ({"op": "add", "path": "/name/0/given/1", "value": "X"}, "name", [{"given": ["A", "X", "B"]}, {"family": "F"}]),
        ({"op": "add", "path": "/name/0/given/-", "value": "X"}, "name", [{"given": ["A", "B", "X"]}, {"family": "F"}]),
        ({"op": "remove", "path": "/name/0"}, "name", [{"family": "F"}]),
        ({"op": "replace", "path": "/name/1/family", "value": "G"}, "name", [{"given": ["A", "B"]}, {"family": "G"}]),
        ({"op": "move", "from": "/name/1", "path": "/name/0"}, "name", [{"family": "F"}, {"given": ["A", "B"]}]),
        (
            {"op": "copy", "from": "/name/0/given/0", "path": "/name/1/family"},
            "name",
            [{"given": ["A", "B"]}, {"family": "A"}],
        ),
        ({"op": "test", "path": "/gender", "value": "male"}, "gender", "male"),
    ],
)
@pytest.mark.usefixtures("there")
async def test_every_operation(client, operation, element, value):
    response = await apply(client, operation)
    assert response.status_code == 200
    assert response.json()[element] == value
    assert (await client.get(URL)).json()[element] == value


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([{"op": "test", "path": "/gender", "value": "female"}], 422),
        ([{"op": "test", "path": "/nothing", "value": 1}], 422),
        ([{"op": "remove", "path": "/birthDate"}], 422),
        ([{"op": "replace", "path": "/birthDate", "value": "2020"}], 422),
        ([{"op": "remove", "path": "/name/7"}], 422),
        ([{"op": "add", "path": "/name/9", "value": {}}], 422),
        ([{"op": "add", "path": "/name/x", "value": {}}], 422),
        ([{"op": "add", "path": "/name/01", "value": {}}], 422),
        ([{"op": "add", "path": "/gender/x", "value": 1}], 422),
        ([{"op": "copy", "from": "/nothing", "path": "/gender"}], 422),
        ([{"op": "move", "from": "/name", "path": "/name/0"}], 422),
        ([{"op": "replace", "path": "/id", "value": "b"}], 422),
        ([{"op": "remove", "path": "/id"}], 422),
        ([{"op": "replace", "path": "/resourceType", "value": "Group"}], 422),
        ([{"op": "replace", "path": "/gender", "value": "unheard-of"}], 400),
        ([{"op": "add", "path": "/shoeSize", "value": 44}], 400),
        ([{"op": "remove", "path": ""}], 422),
        ([{"op": "replace", "path": "", "value": []}], 400),
        ([{"op": "replace", "path": "", "value": 1}], 400),
        ([{"op": "replace", "path": "", "value": "text"}, {"op": "add", "path": "/a", "value": 1}], 422),
        ([{"op": "add", "path": "gender", "value": 1}], 400),
        ([{"op": "add", "path": "/~2", "value": 1}], 400),
        ([{"op": "add", "path": 5, "value": 1}], 400),
        ([{"op": "add", "path": "/gender"}], 400),
        ([{"op": "blow", "path": "/gender"}], 400),
        ([{"path": "/gender"}], 400),
        ([{"op": "copy", "path": "/gender"}], 400),
        ([{"op": {}, "path": "/gender"}], 400),
        ([5], 400),
        ([None], 400),
        ([["op"]], 400),
    ],
)
@pytest.mark.usefixtures("there")
async def test_what_cannot_be_applied_changes_nothing(client, operations, status):
    before = (await client.get(URL)).content
    response = await apply(client, *operations)
    assert response.status_code == status
    assert outcome(response)["issue"][0]["diagnostics"]
    assert (await client.get(URL)).content == before


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b"5", b"null", b'"x"', b'[{"op":"test","op":"add","path":"","value":1}]']
)
@pytest.mark.usefixtures("there")
async def test_what_is_no_json_patch_is_refused(client, body):
    response = await client.patch(URL, content=body, headers=PATCH)
    assert (response.status_code, issue_code(response)) == (400, "structure")


@pytest.mark.parametrize("number", ["72.50", "1.0", "0.10", "1E+2"])
async def test_decimals_that_are_not_patched_keep_their_digits(client, number):
    body = OBSERVATION.replace("1}}", f"{number}}}}}")
    await client.put("/Observation/o", content=body, headers=FHIR)
    await apply(client, {"op": "replace", "path": "/status", "value": "amended"}, url="/Observation/o")
    assert f'"value":{number}}}' in (await client.get("/Observation/o")).text


async def test_a_decimal_in_a_patch_keeps_its_digits(client):
    await client.put("/Observation/o", content=OBSERVATION, headers=FHIR)
    change = b'[{"op":"replace","path":"/valueQuantity/value","value":72.50}]'
    await client.patch("/Observation/o", content=change, headers=PATCH)
    assert '"value":72.50}' in (await client.get("/Observation/o")).text


@pytest.mark.usefixtures("there")
async def test_a_patch_is_a_version_of_its_own(client):
    await apply(client, {"op": "replace", "path": "/gender", "value": "other"})
    newest = (await client.get("/Patient/a/_history")).json()["entry"][0]
    assert (newest["request"]["method"], newest["resource"]["meta"]["versionId"]) == ("PATCH", "2")


@pytest.mark.parametrize(("tag", "status"), [('W/"1"', 200), ('W/"2"', 412)])
@pytest.mark.usefixtures("there")
async def test_if_match(client, tag, status):
    change = {"op": "replace", "path": "/gender", "value": "other"}
    assert (await apply(client, change, **{"if-match": tag})).status_code == status


async def test_patch_needs_a_resource(client, store):
    change = {"op": "add", "path": "/gender", "value": "other"}
    assert (await apply(client, change, url="/Patient/never")).status_code == 404
    await store("Patient", "gone")
    await client.delete("/Patient/gone")
    assert (await apply(client, change, url="/Patient/gone")).status_code == 410


async def test_concurrent_patches_all_count(client, store):
    await store("Patient", "a", name=[{"given": ["A"]}])
    changes = ({"op": "add", "path": "/name/0/given/-", "value": f"N{number}"} for number in range(8))
    responses = await asyncio.gather(*(apply(client, change) for change in changes))
    assert {response.status_code for response in responses} == {200}
    assert set((await client.get(URL)).json()["name"][0]["given"]) == {"A", *(f"N{number}" for number in range(8))}


async def test_concurrent_conditional_patches_all_count(client, store):
    await store("Patient", "a", gender="male", name=[{"given": ["A"]}])
    changes = [{"op": "add", "path": "/name/0/given/-", "value": f"N{number}"} for number in range(8)]
    by_id = (apply(client, change) for change in changes[:4])
    by_criteria = (apply(client, change, url="/Patient?gender=male") for change in changes[4:])
    responses = await asyncio.gather(*by_id, *by_criteria)
    assert {response.status_code for response in responses} == {200}
    assert len((await client.get(URL)).json()["name"][0]["given"]) == 9


@pytest.mark.parametrize(("there", "status"), [([], 404), (["a"], 200), (["a", "b"], 412)])
async def test_conditional_patch_changes_the_one_match(client, store, there, status):
    for logical_id in there:
        await store("Patient", logical_id, gender="male")
    change = {"op": "add", "path": "/active", "value": True}
    assert (await apply(client, change, url="/Patient?gender=male")).status_code == status


@pytest.mark.usefixtures("there")
async def test_copies_of_copies_are_stopped(client, monkeypatch):
    monkeypatch.setattr(errors, "LARGEST_RESULT", 10_000)
    bomb = [{"op": "copy", "from": "/name", "path": "/name/-"} for _ in range(40)]
    response = await apply(client, *bomb)
    assert response.status_code == 413


@pytest.mark.usefixtures("there")
async def test_too_many_operations_are_refused(client):
    response = await apply(client, *[{"op": "test", "path": "/gender", "value": "male"}] * 1001)
    assert response.status_code == 413
