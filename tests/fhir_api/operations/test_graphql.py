"""Spec: https://hl7.org/fhir/R4/graphql.html."""

from __future__ import annotations

from uuid import uuid4

import orjson
import pytest

from fhir_api.operations.graphql import budget, records, selection
from tests.support.bundles import FHIR, entry, send, statuses

JSON = {"content-type": "application/json"}


async def ask(client, query, url="/$graphql", **variables):
    body = {"query": query, "variables": variables or None}
    return await client.post(url, content=orjson.dumps(body), headers=JSON)


async def data(client, query, url="/$graphql", **variables):
    response = await ask(client, query, url, **variables)
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def error(client, query, url="/$graphql", **variables):
    response = await ask(client, query, url, **variables)
    assert response.status_code == 400, response.text
    (found,) = response.json()["errors"]
    outcome = found["extensions"]["resource"]
    assert (outcome["resourceType"], outcome["issue"][0]["diagnostics"]) == ("OperationOutcome", found["message"])
    return found


@pytest.fixture(autouse=True)
async def there(store):
    await store("Organization", "o", name="Clinic")
    await store("Organization", "p", name="Ministry")
    await store("Organization", "o", name="Clinic", partOf={"reference": "Organization/p"})
    await store(
        "Patient",
        "a",
        active=True,
        name=[{"use": "official", "given": ["A", "B"]}, {"use": "usual", "text": "AB"}],
        managingOrganization={"reference": "Organization/o"},
        contained=[{"resourceType": "Device", "id": "d", "status": "active"}],
        extension=[{"url": "http://x", "valueReference": {"reference": "#d"}}],
        multipleBirthInteger=2,
    )
    await store("Patient", "b", active=False, managingOrganization={"reference": "Organization/o"})
    code = {"coding": [{"system": "http://loinc.org", "code": "1-8"}]}
    for name in ("x", "y", "z"):
        await store("Observation", name, status="final", code=code, subject={"reference": "Patient/a"})


QUERY = "{ active name(use: official) { given } }"


async def test_every_way_to_send_a_query(client):
    expected = {"data": {"active": True, "name": [{"given": ["A", "B"]}]}}
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "query", "valueString": QUERY}]}
    url = "/Patient/a/$graphql"
    for response in (
        await client.get(url, params={"query": QUERY}),
        await client.post(url, params={"query": QUERY}),
        await client.post(url, content=QUERY, headers={"content-type": "application/graphql"}),
        await client.post(url, content=orjson.dumps({"query": QUERY}), headers=JSON),
        await client.post(url, content=orjson.dumps(parameters), headers=FHIR),
    ):
        assert response.json() == expected
        assert response.headers["content-type"].startswith("application/json")


async def test_variables_come_with_every_way(client):
    query = "query one($use: code) { name(use: $use) { text } } query two { active }"
    expected = {"data": {"name": [{"text": "AB"}]}}
    variables = orjson.dumps({"use": "usual"}).decode()
    url = "/Patient/a/$graphql"
    asked = {"query": query, "operationName": "one", "variables": variables}
    assert (await client.get(url, params=asked)).json() == expected
    body = {"query": query, "operationName": "one", "variables": {"use": "usual"}}
    assert (await client.post(url, content=orjson.dumps(body), headers=JSON)).json() == expected
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": value} for name, value in asked.items()],
    }
    assert (await client.post(url, content=orjson.dumps(parameters), headers=FHIR)).json() == expected


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "application/graphql"),
        (b"\xff", "application/graphql"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (b'{"query":5}', "application/json"),
        (b'{"query":"{active}","variables":[]}', "application/json"),
        (b'{"query":"{active}","operationName":5}', "application/json"),
    ],
)
async def test_a_request_without_a_query_is_refused(client, content, content_type):
    response = await client.post("/Patient/a/$graphql", content=content, headers={"content-type": content_type})
    assert (response.status_code, response.json()["resourceType"]) == (400, "OperationOutcome")


async def test_the_instance_has_to_be_there(client):
    assert (await ask(client, "{ id }", "/Patient/never/$graphql")).status_code == 404


async def test_a_query_in_a_batch(client):
    answer = await send(client, "batch", entry("GET", "Patient/a/$graphql?query={active}"))
    assert statuses(answer) == ["200"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ Patient(id: a) { active } }", {"Patient": {"active": True}}),
        ('{ one: Patient(_id: "a") { id } two: Patient(id: "b") { id } }', {"one": {"id": "a"}, "two": {"id": "b"}}),
        ("{ PatientList(active: false) { id } }", {"PatientList": [{"id": "b"}]}),
        ('{ PatientList(_id: "a,b", _sort: "_id") { id } }', {"PatientList": [{"id": "a"}, {"id": "b"}]}),
        ('{ PatientList(general_practitioner: "Practitioner/x") { id } }', {}),
        ("{ __typename }", {"__typename": "Query"}),
    ],
)
async def test_fields_of_the_system(client, query, expected):
    assert await data(client, query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ __typename resourceType }", {"__typename": "Patient", "resourceType": "Patient"}),
        ("{ name @first { __typename } }", {"name": [{"__typename": "HumanName"}]}),
        ("{ ...on Patient { active } ...on Group { quantity } ...on Resource { id } }", {"active": True, "id": "a"}),
        ("{ contained { id ... on Device { status } } }", {"contained": [{"id": "d", "status": "active"}]}),
        (
            "{ extension { valueReference { resource { id } } } }",
            {"extension": [{"valueReference": {"resource": {"id": "d"}}}]},
        ),
        ("{ multipleBirthInteger multipleBirthBoolean birthDate }", {"multipleBirthInteger": 2}),
        ("{ name(_offset: 1, _count: 1) { text } }", {"name": [{"text": "AB"}]}),
        ("{ name(use: [usual, old]) { text } }", {"name": [{"text": "AB"}]}),
        ("{ name(given: B) { use } }", {"name": [{"use": "official"}]}),
        ('{ name(fhirpath: "given.count() = 2") { use } }', {"name": [{"use": "official"}]}),
        ("{ name { given(fhirpath: \"$this = 'B'\") } }", {"name": [{"given": ["B"]}, {}]}),
        ("{ meta { versionId } }", {"meta": {"versionId": "1"}}),
    ],
)
async def test_fields_of_an_instance(client, query, expected):
    assert await data(client, query, "/Patient/a/$graphql") == expected


async def test_references_lead_on_and_back(client):
    query = """{ PatientList(active: true) {
      managingOrganization { resource { name partOf { resource(type: Organization) { name } } } }
      ObservationList(_reference: subject, _sort: "_id") { id subject { resource { id } } } } }"""
    clinic = {"name": "Clinic", "partOf": {"resource": {"name": "Ministry"}}}
    observations = [{"id": name, "subject": {"resource": {"id": "a"}}} for name in "xyz"]
    patient = {"managingOrganization": {"resource": clinic}, "ObservationList": observations}
    assert await data(client, query) == {"PatientList": [patient]}


async def test_fragments_ask_for_one_field_together(client):
    query = """{ Patient(id: a) { name @first { use } ...Given } }
      fragment Given on Patient { name @first { given ...Text } } fragment Text on HumanName { text }"""
    assert await data(client, query) == {"Patient": {"name": [{"use": "official", "given": ["A", "B"]}]}}


async def test_a_connection_is_paged_to_its_end(client):
    query = """query($at: String) { ObservationConnection(patient: "Patient/a", _count: 2, _sort: "_id", _cursor: $at) {
      count offset pagesize edges { mode resource { id } } next } }"""
    first = (await data(client, query))["ObservationConnection"]
    assert [edge["resource"]["id"] for edge in first["edges"]] == ["x", "y"]
    assert (first["count"], first["offset"], first["pagesize"], first["edges"][0]["mode"]) == (3, 0, 2, "match")
    second = (await data(client, query, at=first["next"]))["ObservationConnection"]
    assert [edge["resource"]["id"] for edge in second["edges"]] == ["z"]
    assert (second["offset"], "next" in second) == (2, False)
    forged = first["next"][:-4] + "AAAA"
    assert "_cursor" in (await error(client, query, at=forged))["message"]
    assert "_cursor" in (await error(client, query.replace("Patient/a", "Patient/b"), at=first["next"]))["message"]


async def test_decimals_keep_their_digits(client):
    body = (
        b'{"resourceType":"Observation","id":"q","status":"final","code":{"text":"x"},"valueQuantity":{"value":72.50}}'
    )
    await client.put("/Observation/q", content=body, headers=FHIR)
    response = await ask(client, "{ valueQuantity { value } }", "/Observation/q/$graphql")
    assert b'"value":72.50' in response.content


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("{", "Syntax Error"),
        ("{ Patient(id: a) { active }", "Syntax Error"),
        ("mutation { PatientCreate(res: 1) { id } }", "found a mutation"),
        ("query a { __typename } query b { __typename }", "found 2 operations"),
        ("{ Nothing(id: a) { id } }", "no field 'Nothing' on Query"),
        ("{ patient { id } }", "no field 'patient' on Query"),
        ("{ Patient { id } }", "needs an 'id'"),
        ("{ Patient(id: a, name: b) { id } }", "needs an 'id'"),
        ("{ Patient(id: never) { id } }", "There is no Patient/never"),
        ("{ Patient(id: a) }", "with fields of its own"),
        ("{ Patient(id: a) { id { x } } }", "with no fields of its own"),
        ("{ Patient(id: a) { shoeSize } }", "no field 'shoeSize' on Patient"),
        ("{ Patient(id: a) { active(x: 1) } }", "takes no arguments"),
        ("{ Patient(id: a) { name(shoe: x) { text } } }", "no element 'shoe'"),
        ("{ Patient(id: a) { name(use: 5) { text } } }", "a value of type code"),
        ("{ Patient(id: a) { name(_count: -1) { text } } }", "a number from 0"),
        ("{ Patient(id: a) { name(use: a, use: b) { text } } }", "stands twice"),
        ('{ Patient(id: a) { name(fhirpath: "(") { text } } }', "cannot be read (line 1"),
        ('{ Patient(id: a) { name(fhirpath: "given + 1") { text } } }', "cannot be evaluated"),
        ("{ Patient(id: a) { ...Nothing } }", "no fragment 'Nothing'"),
        ("{ Patient(id: a) { ...F } } fragment F on Patient { id ...F }", "spreads itself"),
        ("{ Patient(id: a) { ... on Nothing { id } } }", "no type 'Nothing'"),
        ("{ Patient(id: a) @blow { id } }", "no directive '@blow'"),
        ("{ Patient(id: a) { id @include } }", "a Boolean 'if'"),
        ("{ Patient(id: a) { id @include(if: $x) } }", "'$x' is not declared"),
        ("query($x: Boolean!) { Patient(id: a) { id @include(if: $x) } }", "or none"),
        ("{ Patient(id: a) { name @slice { text } } }", "a FHIRPath as 'path'"),
        ("{ Patient(id: a) { id: active ...F } } fragment F on Patient { id }", "in two ways"),
        ("{ Patient(id: a) { ObservationList { id } } }", "needs '_reference'"),
        ("{ Patient(id: a) { ObservationList(_reference: code) { id } } }", "no search parameter 'code' on references"),
        ("{ PatientList(_reference: subject) { id } }", "has no '_reference'"),
        ("{ Patient(id: a) { contained { ObservationList(_reference: subject) { id } } } }", "a contained resource"),
        ("{ PatientList(shoe: 1) { id } }", "shoe"),
        ("{ PatientList(name: {a: 1}) { id } }", "Expected a text, a number"),
        ("{ Patient(id: a) { managingOrganization { resource(type: Nothing) { id } } } }", "a resource type"),
        ("{ Patient(id: a) { managingOrganization { resource(optional: 1) { id } } } }", "the Boolean 'optional'"),
        ("{ Patient(id: a) { managingOrganization { resource { shoe } } } }", "no field 'shoe' on Organization"),
        ("{ Patient(id: a) { name(_count: 99999999999999999999) { text } } }", "Expected a text, a number"),
        ("{ a" * 200 + "}" * 200, "no field 'a'"),
        ("{" * 5000, "Syntax Error"),
        ("{ a" * 4000 + "}" * 4000, "too deep"),
        ("{" + " id" * 20000 + "}", "tokens"),
    ],
)
async def test_a_query_at_fault_is_told_where(client, query, reason):
    found = await error(client, query)
    assert reason in found["message"]
    assert ("locations" in found) is (reason not in {"found 2 operations", "shoe"})


async def test_errors_do_not_show_texts_of_the_query(client):
    found = await error(client, '{ PatientList(name: "Secret" "Secret") { id } }')
    assert "Secret" not in orjson.dumps(found).decode()
    assert found["locations"] == [{"line": 1, "column": 30}]


async def test_fragments_that_multiply_are_stopped(client):
    query = "{ Patient(id: a) { ...F0 } }" + "".join(
        f" fragment F{number} on Patient {{ a{number}: id ...F{number + 1} ...F{number + 1} }}" for number in range(20)
    )
    query += " fragment F20 on Patient { id }"
    assert (await error(client, query))["extensions"]["resource"]["issue"][0]["code"] == "too-costly"


@pytest.mark.parametrize(
    ("place", "limit", "value", "query"),
    [
        (selection, "MOST_FIELDS", 3, "{ Patient(id: a) { id active birthDate gender } }"),
        (budget, "MOST_VALUES", 2, "{ Patient(id: a) { id active multipleBirthInteger } }"),
        (budget, "MOST_VALUES", 3, "{ Patient(id: a) { a: name(use: old) { use } b: name(use: old) { use } } }"),
        (records, "MOST_RESOURCES", 2, "{ ObservationList(patient: a) { id } }"),
        (records, "MOST_SEARCHES", 1, "{ a: PatientList { id } b: ObservationList { id } }"),
    ],
)
async def test_limits(client, monkeypatch, place, limit, value, query):
    monkeypatch.setattr(place, limit, value)
    assert (await error(client, query))["extensions"]["resource"]["issue"][0]["code"] == "too-costly"


async def test_deep_queries_are_stopped(client, store):
    await store("Organization", "ring", name="Ring", partOf={"reference": "Organization/ring"})
    query = "{ Organization(id: ring) { " + "partOf { resource { " * 40 + "id" + " } }" * 40 + " } }"
    assert (await error(client, query))["message"].startswith("The query nests deeper")


async def test_references_between_the_entries_of_a_bundle(client, store):
    patient = {"resourceType": "Patient", "id": "e", "gender": "male"}
    about = ["urn:uuid:2f0a3f3e-7b1c-4c86-9c70-0b9d6ea9c6a5", "Patient/e", "Patient/a"]
    observations = [
        {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": text}}
        for text in about
    ]
    entries = [
        {"fullUrl": about[0], "resource": {"resourceType": "Patient", "gender": "female"}},
        {"fullUrl": "http://elsewhere.example/Patient/e", "resource": patient},
        *({"fullUrl": f"urn:uuid:{uuid4()}", "resource": observation} for observation in observations),
    ]
    await store("Bundle", "b", type="collection", entry=entries)
    query = "{ entry { resource { ... on Observation { subject { resource { gender active } } } } } }"
    found = (await data(client, query, "/Bundle/b/$graphql"))["entry"]
    subjects = [{"gender": "female"}, {"gender": "male"}, {"active": True}]
    assert found[2:] == [{"resource": {"subject": {"resource": subject}}} for subject in subjects]


async def test_a_versioned_reference_leads_to_its_version(client, store):
    await store("Patient", "c", managingOrganization={"reference": "Organization/o/_history/1"})
    query = "{ managingOrganization { resource { meta { versionId } partOf { reference } } } }"
    expected = {"managingOrganization": {"resource": {"meta": {"versionId": "1"}}}}
    assert await data(client, query, "/Patient/c/$graphql") == expected


async def test_round_trips_are_as_many_as_references_follow_on_each_other(app, client, store, monkeypatch):
    for number in range(20):
        await store("Organization", f"o{number}", name="X", partOf={"reference": "Organization/p"})
        organization = {"reference": f"Organization/o{number}"}
        await store("Patient", f"n{number}", gender="male", managingOrganization=organization)
    tenant = app._contexts.of(1).for_host(None).store
    asked = []
    for name in ("currents", "search", "current", "version"):
        method = getattr(tenant, name)

        async def counted(*arguments, method=method, name=name):
            asked.append(name)
            return await method(*arguments)

        monkeypatch.setattr(type(tenant), name, staticmethod(counted))
    query = """{ PatientList(gender: male) { managingOrganization { resource {
      name partOf { resource { name } } } } } }"""
    found = (await data(client, query))["PatientList"]
    assert len(found) == 20
    assert found[0]["managingOrganization"]["resource"]["partOf"]["resource"] == {"name": "Ministry"}
    assert asked == ["search", "currents", "currents"]
