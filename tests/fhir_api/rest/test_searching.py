from __future__ import annotations

import pytest

from tests.support.outcomes import issue_code, link

JSON_TYPE = "application/fhir+json"


@pytest.fixture
async def patients(store):
    for number in range(5):
        await store("Patient", f"p{number}", gender="male" if number % 2 else "female", name=[{"family": f"F{number}"}])


def ids(bundle):
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


async def test_search_gives_a_searchset(client, patients):
    bundle = (await client.get("/Patient?gender=male&_sort=_id&_total=accurate")).json()
    assert (bundle["type"], bundle["total"], ids(bundle)) == ("searchset", 2, ["p1", "p3"])
    assert bundle["entry"][0]["fullUrl"] == "http://127.0.0.1:8080/fhir/Patient/p1"
    assert bundle["entry"][0]["search"] == {"mode": "match"}
    assert link(bundle, "self") == "http://127.0.0.1:8080/fhir/Patient?gender=male&_sort=_id&_total=accurate"


async def test_search_without_match_has_no_entry(client, patients):
    assert "entry" not in (await client.get("/Patient?family=nobody")).json()


async def test_pages_hold_each_match_once(client, patients):
    url: str | None = "/Patient?_count=2&_sort=family"
    seen: list[str] = []
    while url:
        bundle = (await client.get(url)).json()
        seen += ids(bundle)
        url = link(bundle, "next")
    assert seen == ["p0", "p1", "p2", "p3", "p4"]


@pytest.mark.parametrize("sort", ["identifier", "-identifier"])
async def test_pages_in_the_order_of_identifiers(client, store, sort):
    for number in range(5):
        await store("Patient", f"p{number}", **({"identifier": [{"value": f"{number}"}]} if number else {}))
    url: str | None = f"/Patient?_count=2&_sort={sort}"
    seen: list[str] = []
    while url:
        bundle = (await client.get(url)).json()
        seen += ids(bundle)
        url = link(bundle, "next")
    ordered = ["p1", "p2", "p3", "p4"]
    assert seen == [*(ordered if sort == "identifier" else reversed(ordered)), "p0"]


async def test_a_cursor_opens_only_its_own_search(client, patients):
    following = link((await client.get("/Patient?_count=2&_sort=_id")).json(), "next")
    assert following is not None
    other = following.replace("_sort=_id", "_sort=-_id")
    cursor = following.partition("_cursor=")[2]
    swapped = following.replace(cursor, cursor[:8] + ("A" if cursor[8] != "A" else "B") + cursor[9:])
    assert (await client.get(following)).status_code == 200
    assert (await client.get(f"{following}&_format=json")).status_code == 200
    for url in (other, swapped, following + "x", following.replace("/Patient?", "/Person?")):
        response = await client.get(url)
        assert response.status_code == 400, url
        assert issue_code(response) == "value"
        assert "_cursor" in response.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize("sort", ["", "&_sort=-_lastUpdated", "&_sort=family", "&gender=male,female&_sort=-birthdate"])
async def test_what_is_changed_while_pages_are_read_comes_once(client, patients, store, sort):
    url: str | None = f"/Patient?_count=1{sort}"
    seen: list[str] = []
    turn = 0
    while url:
        bundle = (await client.get(url)).json()
        seen += ids(bundle)
        url = link(bundle, "next")
        for number in (0, 4):
            turn += 1
            changed = {"resourceType": "Patient", "id": f"p{number}", "gender": "male", "birthDate": f"19{10 + turn}",
                       "name": [{"family": f"{'ZA'[turn % 2]}{turn}"}]}  # fmt: skip
            assert (await client.put(f"/Patient/p{number}", json=changed)).status_code == 200
    assert sorted(seen) == ["p0", "p1", "p2", "p3", "p4"]


async def test_a_link_can_be_followed_again(client, patients):
    following = link((await client.get("/Patient?_count=2&_sort=family")).json(), "next")
    first, again = [(await client.get(following)).json() for _ in range(2)]
    assert ids(first) == ids(again) == ["p2", "p3"]
    assert link(first, "self") == following
    assert link(first, "first") == "http://127.0.0.1:8080/fhir/Patient?_count=2&_sort=family"


async def test_search_by_post_takes_form_and_url_together(client, patients):
    response = await client.post("/Patient/_search?_sort=_id", data={"gender": "male"})
    bundle = response.json()
    assert ids(bundle) == ["p1", "p3"]
    assert "/Patient?" in (link(bundle, "self") or "")


async def test_search_by_post_without_a_body(client, patients):
    assert len(ids((await client.post("/Patient/_search")).json())) == 5


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"gender=%zz", "application/x-www-form-urlencoded", 400),
        (b"gender=\xff", "application/x-www-form-urlencoded", 400),
        (b"gender=a\x00", "application/x-www-form-urlencoded", 400),
        (b"&".join([b"gender=male"] * 501), "application/x-www-form-urlencoded", 400),
    ],
)
async def test_search_by_post_refuses_what_is_no_form(client, content, content_type, status):
    response = await client.post("/Patient/_search", content=content, headers={"content-type": content_type})
    assert response.status_code == status


async def test_an_unknown_parameter_is_refused_by_name(client):
    response = await client.get("/Patient?favouriteColor=red")
    assert (response.status_code, issue_code(response)) == (400, "not-supported")
    assert "favouriteColor" in response.json()["issue"][0]["diagnostics"]


async def test_lenient_handling_ignores_and_reports(client, patients):
    headers = {"prefer": "handling=lenient"}
    bundle = (await client.get("/Patient?favouriteColor=red&gender=male", headers=headers)).json()
    assert link(bundle, "self") == "http://127.0.0.1:8080/fhir/Patient?gender=male"
    assert [entry["search"]["mode"] for entry in bundle["entry"]] == ["match", "match", "outcome"]


async def test_count_alone(client, patients):
    bundle = (await client.get("/Patient?gender=female&_summary=count")).json()
    assert bundle["total"] == 3
    assert "entry" not in bundle


async def test_elements_and_summary_cut_every_entry(client, patients):
    bundle = (await client.get("/Patient?_elements=gender")).json()
    assert all(set(entry["resource"]) == {"resourceType", "id", "meta", "gender"} for entry in bundle["entry"])


async def test_search_of_every_type(client, store, patients):
    await store("Person", "x")
    assert set(ids((await client.get("/?_lastUpdated=gt2015")).json())) == {"p0", "p1", "p2", "p3", "p4", "x"}
    assert ids((await client.post("/_search", data={"_type": "Person"})).json()) == ["x"]


async def test_included_resources_are_marked(client, store, patients):
    await store("Observation", "o", status="final", code={"text": "x"}, subject={"reference": "Patient/p1"})
    bundle = (await client.get("/Observation?_include=Observation:subject")).json()
    assert [(entry["resource"]["id"], entry["search"]["mode"]) for entry in bundle["entry"]] == [
        ("o", "match"),
        ("p1", "include"),
    ]


async def test_compartment_search(client, store, patients):
    for number in (1, 2):
        subject = {"reference": f"Patient/p{number}"}
        await store("Observation", f"o{number}", status="final", code={"text": "x"}, subject=subject)
    assert ids((await client.get("/Patient/p1/Observation")).json()) == ["o1"]
    assert "o1" in ids((await client.get("/Patient/p1/*")).json())
    assert ids((await client.post("/Patient/p1/Observation/_search", data={"status": "amended"})).json()) == []


@pytest.mark.parametrize("path", ["/Observation/o1/Patient", "/Patient/p1/Medication", "/Patient/p1/Nonsense"])
async def test_a_compartment_that_is_none_is_not_found(client, path):
    response = await client.get(path)
    assert (response.status_code, issue_code(response)) == (404, "not-supported")


async def test_an_absolute_reference_may_name_the_host_that_was_asked(client):
    host = {"host": "localhost:8080"}
    patient = "http://localhost:8080/fhir/Patient/here"
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    observation["subject"] = {"reference": patient}
    stored = await client.post("/Observation", json=observation, headers={"content-type": JSON_TYPE, **host})
    assert stored.status_code == 201
    for reference in (patient, "Patient/here"):
        found = (await client.get("/Observation", params={"subject": reference}, headers=host)).json()
        assert found["total"] == 1
    assert (await client.delete(f"/Observation?subject={patient}", headers=host)).status_code == 204
    assert (await client.get("/Observation?subject=Patient/here")).json()["total"] == 0
