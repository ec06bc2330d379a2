"""AuditEvents against the profiles of IHE BALP, whose rules stand here as the guide has them (1.1.4)."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from stanforis.audit import Record, Who, administered, disclosed
from stanforis.audit.looking import Found, Place

from fhir_api.audit.events import audit_event

SITE = "https://fhir.example/fhir"
NURSE = Who("hash", "practitioner", "ward", "Practitioner/1", ("nurse",))


class Rules(NamedTuple):
    """What a profile asks for: codes of the type, one subtype of some, action, client, server and user."""

    type: str
    subtypes: frozenset[str]
    action: str
    client: str
    server: str
    user: frozenset[str]


def rules(type_code: str, subtypes: str, action: str, client: str, server: str, user: str) -> Rules:
    return Rules(type_code, frozenset(subtypes.split()), action, client, server, frozenset(user.split()))


BALP = {
    "Create": rules("rest", "create", "C", "110153", "110152", "AUT INF CST"),
    "Read": rules("rest", "read vread", "R", "110152", "110153", "IRCP"),
    "Update": rules("rest", "update patch", "U", "110153", "110152", "AUT INF CST"),
    "Delete": rules("rest", "delete", "D", "110150", "custodian", "AUT INF CST"),
    "Query": rules("rest", "search search-type search-system", "E", "110153", "110152", "IRCP"),
    "PrivacyDisclosure.Source": rules("110106", "disclose", "R", "110152", "110153", "AUT"),
}


def event_of(record: Record) -> dict[str, Any]:
    return audit_event(Found(Place(1, 0), record), SITE)


def made(
    interaction: str, action: str, *, status: int = 200, patients: tuple[str, ...] = ("p",), **more: Any
) -> Record:
    more.setdefault("entities", () if "search" in more else ("Observation/1",))
    return Record(1, interaction, action, status, NURSE, "request", patients=patients, network="private", **more)


def with_code(event: dict[str, Any], place: str, code: str) -> list[dict[str, Any]]:
    return [each for each in event[place] if _code(each.get("type", {})) == code]


def _code(element: dict[str, Any]) -> str | None:
    coding = element["coding"][0] if "coding" in element else element
    code: str | None = coding.get("code")
    return code


def check_agents(event: dict[str, Any], wanted: Rules) -> None:
    (client,), (server,) = with_code(event, "agent", wanted.client), with_code(event, "agent", wanted.server)
    assert client["who"]
    assert client["network"]
    assert server["who"]
    assert server["network"]
    (user,) = [each for each in event["agent"] if each not in (client, server)]
    assert _code(user["type"]) in wanted.user
    assert user["requestor"] is True
    assert "network" not in user


def check(event: dict[str, Any], name: str) -> None:
    """Check an event against the profile *name*, with or without a patient."""
    wanted = BALP[name]
    assert (event["type"]["code"], event["action"], event["outcome"]) == (wanted.type, wanted.action, "0")
    assert len([each for each in event["subtype"] if each["code"] in wanted.subtypes]) == 1
    check_agents(event, wanted)
    plain = with_code(event, "entity", "2")
    if name == "Query":
        (query,) = plain
        assert query["role"]["code"] == "24"
        assert query["query"]
        assert "what" not in query
    elif name != "PrivacyDisclosure.Source":
        (part,) = plain
        assert part["role"]["code"] in {"3", "4", "20"}
        assert part["what"]


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (made("read", "R"), "Read"),
        (made("vread", "R"), "Read"),
        (made("create", "C", status=201), "Create"),
        (made("update", "U"), "Update"),
        (made("conditional-update", "U"), "Update"),
        (made("patch", "U"), "Update"),
        (made("conditional-patch", "U"), "Update"),
        (made("delete", "D"), "Delete"),
        (made("conditional-delete", "D"), "Delete"),
        (made("search-type", "E", search="Observation?code", found=("Observation/1", "Observation/2")), "Query"),
        (made("search-type", "E", search="Observation?"), "Query"),
        (made("search-system", "E", search="?_id"), "Query"),
        (made("search-compartment", "E", search="Patient?code"), "Query"),
        (made("read", "R", emergency="unconscious", purpose="ETREAT"), "Read"),
        (disclosed("lab/results", "mllp://10.1.2.3:2575", patients=["p"], resources=["Observation/1"], who=NURSE),
         "PrivacyDisclosure.Source"),
    ],
)  # fmt: skip
def test_an_event_keeps_to_the_profile_that_it_names(record, name):
    event = event_of(record)
    patient = "" if name.startswith("Privacy") else "Patient"
    assert event["meta"]["profile"] == [
        f"https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.{patient}{name}"
    ]
    check(event, name)
    (person,) = with_code(event, "entity", "1")
    assert (person["role"]["code"], person["what"]) == ("1", {"reference": "Patient/p"})


@pytest.mark.parametrize("interaction", ["read", "search-type"])
def test_what_concerns_no_patient_keeps_to_the_profile_without_one(interaction):
    is_read = interaction == "read"
    more = {"entities": ("Location/1",)} if is_read else {"search": "Location?name"}
    event = event_of(made(interaction, "R" if is_read else "E", patients=(), **more))
    assert event["meta"]["profile"][0].endswith("BasicAudit.Read" if is_read else "BasicAudit.Query")
    check(event, "Read" if is_read else "Query")


@pytest.mark.parametrize(
    "record",
    [
        made("read", "R", status=403),
        made("search-type", "E", search="Observation?code", patients=("p", "q")),
        made("history-instance", "R"),
        made("operation", "E"),
        made("create", "C", entities=("Observation/1", "Observation/2")),
        disclosed("lab", "mllp://10.1.2.3:2575", patients=["p"], resources=["Observation/1"], is_taken=False),
        administered("tenant-suspend", ["urn:stanforis:tenant:clinic"], who=NURSE),
        Record(1, "token", "E", 200, Who(client="app")),
        Record(1, "", "E", 404),
    ],
)
def test_what_has_no_profile_names_none(record):
    assert event_of(record)["meta"] == {}


def test_a_disclosure_tells_who_got_it():
    event = event_of(disclosed("lab", "mllp://10.1.2.3:2575", patients=["p"], resources=["Observation/1"], message="7"))
    recipient, server = event["agent"]
    assert recipient["who"] == {"identifier": {"system": "urn:stanforis:recipient", "value": "lab"}}
    assert recipient["network"] == {"address": "mllp://10.1.2.3:2575", "type": "5"}
    # as the profile asks: the source is who tells of it
    assert server["who"] == event["source"]["observer"]
    assert "7" in [
        entity["what"]["identifier"]["value"] for entity in event["entity"] if "identifier" in entity["what"]
    ]


@pytest.mark.parametrize(("status", "outcome"), [(201, "0"), (403, "4"), (409, "4"), (500, "8")])
def test_what_an_administrator_does_is_a_security_alert(status, outcome):
    record = administered(
        "tenant-change", ["urn:stanforis:tenant:clinic"], who=NURSE, status=status, changed=["plan", "name"]
    )
    event = event_of(record)
    assert (event["type"]["code"], event["outcome"]) == ("110113", outcome)
    assert [each["code"] for each in event["subtype"]] == ["110129", "admin-tenant-change"]
    assert [entity.get("description") for entity in event["entity"]] == [None, "name, plan"]


@pytest.mark.parametrize(
    ("interaction", "code"), [("login", "110122"), ("logout", "110123"), ("token", "ITI-71"), ("device", "device")]
)
def test_signing_in_is_told_by_its_code(interaction, code):
    event = event_of(Record(1, interaction, "E", 200, Who("hash", "person", "app"), network="public"))
    assert [each["code"] for each in event["subtype"]] == [code]


def test_breaking_the_glass_is_told():
    event = event_of(made("read", "R", emergency="unconscious", purpose="ETREAT"))
    assert [each["code"] for each in event["subtype"]] == ["read", "110127"]
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == "ETREAT"
    assert "unconscious" in [entity.get("description") for entity in event["entity"]]
