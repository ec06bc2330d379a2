from __future__ import annotations

from tests.fhir_api.rest.conftest import JSON


async def test_meta_of_an_instance(client, store):
    await store("Patient", "a", meta={"tag": [{"system": "http://x", "code": "t"}]})
    answer = await client.get("/Patient/a/$meta")
    assert answer.status_code == 200, answer.text
    (parameter,) = answer.json()["parameter"]
    assert (parameter["name"], parameter["valueMeta"]["tag"]) == ("return", [{"system": "http://x", "code": "t"}])


async def test_try(client, store):
    await store("Patient", "a", meta={"tag": [{"system": "http://x", "code": "t"}]})
    for method, path, kw in [("GET","/Patient/a/$meta?x=1",{}),("POST","/Patient/a/$meta",{}),("POST","/Patient/a/$meta",{"json":{"resourceType":"Parameters","parameter":[{"name":"y","valueString":"q"},{"name":"y","valueFoo":"q"}]},"headers":JSON}),("DELETE","/Patient/a/$meta",{}),("GET","/$meta",{}),("GET","/Patient/a/_history/1/$meta",{}), ("GET","/Patient/b/$meta?_format=xml",{})
    , ("GET","/Patient/a/$meta?_format=xml",{})]:
        r = await client.request(method, path, **kw)
        print(method, path, r.status_code, r.text)
    print([r for r in (await client.get("/metadata")).json()["rest"][0]["resource"] if r["type"]=="Patient"][0]["operation"])
