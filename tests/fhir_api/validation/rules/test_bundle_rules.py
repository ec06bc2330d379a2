"""Bundles: full URLs, references between entries, documents, searches, requests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.rules import Told, errors, told

BASE = "http://example.org/fhir"
URN = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
OTHER = "urn:uuid:1c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"


def bundle(kind: str, *entries: dict[str, Any], **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **elements}


def entry(full_url: str | None, resource: dict[str, Any], **elements: Any) -> dict[str, Any]:
    return {**({"fullUrl": full_url} if full_url else {}), "resource": resource, **elements}


def patient(logical_id: str | None = None, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **({"id": logical_id} if logical_id else {}), **elements}


def observation(subject: str, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": subject},
        **elements,
    }


def composition(*entries: str) -> dict[str, Any]:
    return {
        "resourceType": "Composition",
        "id": "c",
        "status": "final",
        "type": {"text": "x"},
        "subject": {"reference": "Patient/1"},
        "author": [{"reference": "Patient/1"}],
        "section": [{"title": "x", "section": [{"entry": [{"reference": each} for each in entries]}]}],
    }


@pytest.mark.parametrize(
    ("full_url", "logical_id", "is_refused"),
    [
        (f"{BASE}/Patient/1", "1", False),
        (f"{BASE}/Patient/1", "2", True),
        (f"{BASE}/Patient/1", None, True),
        (f"{BASE}/Group/1", "1", True),
        (URN, "1", False),
        (URN, None, False),
        ("Patient/1", "1", True),
        ("http://example.org/some/page", "1", False),
    ],
)
def test_a_full_url_is_absolute_and_of_its_resource(full_url: str, logical_id: str | None, is_refused: bool) -> None:
    found = errors(bundle("collection", entry(full_url, patient(logical_id))))
    assert found == ({("bundle-full-url", "Bundle.entry[0].fullUrl")} if is_refused else set())


@pytest.mark.parametrize(
    ("kind", "is_refused"), [("collection", True), ("history", True), ("transaction", False), ("batch", False)]
)
def test_a_full_url_is_there_except_in_requests(kind: str, is_refused: bool) -> None:
    assert bool(errors(bundle(kind, entry(None, patient("1"))))) == is_refused


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (URN, set()),
        (OTHER, {"warning"}),
        ("Patient/1", set()),
        (f"{BASE}/Patient/1", set()),
        ("Patient/2", {"warning"}),
        ("Patient/3", {"error"}),
        ("Patient/9", set()),
        ("Patient/1/_history/7", set()),
        ("Patient/1/_history/8", {"warning"}),
    ],
)
def test_references_follow_the_full_urls(reference: str, expected: set[str]) -> None:
    entries = [
        entry(f"{BASE}/Observation/1", observation(reference, id="1")),
        entry(f"{BASE}/Patient/1", patient("1", meta={"versionId": "7"})),
        entry("http://elsewhere.example/Patient/2", patient("2")),
        entry(URN, patient()),
        entry(f"{BASE}/Patient/3", patient("3", meta={"versionId": "1"})),
        entry(f"{BASE}/Patient/3", patient("3", meta={"versionId": "2"})),
    ]
    found = told(bundle("collection", *entries))
    assert {each.severity for each in found if each.place.endswith("subject.reference")} == expected


def test_a_relative_reference_needs_the_full_url_of_its_entry() -> None:
    found = errors(
        bundle("collection", entry(None, observation("Patient/1")), entry(f"{BASE}/Patient/1", patient("1")))
    )
    assert ("reference-target", "Bundle.entry[0].resource.subject.reference") in found


def test_the_target_of_a_urn_has_an_allowed_type() -> None:
    found = errors(
        bundle("collection", entry(URN, {"resourceType": "Binary", "contentType": "x"}), entry(OTHER, observation(URN)))
    )
    assert found == {("reference-target", "Bundle.entry[1].resource.subject.reference")}


def test_a_document_is_whole() -> None:
    whole = bundle(
        "document",
        entry(f"{BASE}/Composition/c", composition("Observation/o")),
        entry(f"{BASE}/Patient/1", patient("1")),
        entry(f"{BASE}/Observation/o", observation("Patient/1", id="o")),
    )
    assert errors(whole) == set()


def test_a_document_has_what_its_composition_refers_to_and_nothing_else() -> None:
    found = told(
        bundle(
            "document",
            entry(f"{BASE}/Composition/c", composition("Observation/9")),
            entry(f"{BASE}/Patient/1", patient("1")),
            entry(f"{BASE}/Observation/o", observation("Patient/1", id="o")),
            entry(f"{BASE}/Patient/2", patient("2")),
        )
    )
    missing = "Bundle.entry[0].resource.section[0].section[0].entry[0]"
    assert found == {
        Told("error", "bundle-content", missing),
        Told("warning", "bundle-content", "Bundle.entry[2]"),
        Told("error", "bundle-content", "Bundle.entry[3]"),
    }


def test_a_message_has_its_focus() -> None:
    header = {
        "resourceType": "MessageHeader",
        "eventUri": "http://x.example",
        "source": {"endpoint": "http://x.example"},
    }
    found = told(bundle("message", entry(URN, {**header, "focus": [{"reference": OTHER}]})))
    assert Told("error", "bundle-content", "Bundle.entry[0].resource.focus[0]") in found


def search(url: str | None, *entries: dict[str, Any]) -> dict[str, Any]:
    return bundle("searchset", *entries, link=[{"relation": "self", "url": url}] if url else [])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (search(f"{BASE}/Patient?a=b", entry(URN, patient("1"), search={"mode": "match"})), set()),
        (search(f"{BASE}/Group", entry(URN, patient("1"), search={"mode": "match"})), {"error"}),
        (search(f"{BASE}/Group", entry(URN, patient("1"), search={"mode": "include"})), set()),
        (search(f"{BASE}?_type=Group", entry(URN, patient("1"), search={"mode": "match"})), {"error"}),
        (search(f"{BASE}/Patient/_search", entry(URN, patient(), search={"mode": "match"})), {"error"}),
        (search(f"{BASE}/Patient", entry(URN, patient("1"), search={"mode": "outcome"})), {"error"}),
        (search(None, entry(URN, patient("1"))), {"warning"}),
    ],
)
def test_an_answer_to_a_search_says_why_each_entry_is_there(answer: dict[str, Any], expected: set[str]) -> None:
    assert {each.severity for each in told(answer) if each.rule == "bundle-searchset"} == expected


def test_links_of_paging_stand_once_and_only_in_searches() -> None:
    twice = [{"relation": "self", "url": BASE}, {"relation": "self", "url": BASE}]
    assert ("bundle-link", "Bundle.link[1].relation") in errors(bundle("searchset", link=twice))
    paged = bundle("document", link=[{"relation": "next", "url": BASE}])
    assert errors(paged) == {("bundle-link", "Bundle.link[0].relation")}


@pytest.mark.parametrize(
    ("method", "url", "resource", "is_refused"),
    [
        ("POST", "Patient", patient(), False),
        ("POST", "Group", patient(), True),
        ("POST", "Patient", None, True),
        ("POST", "Patient/$validate", None, False),
        ("POST", "Patient/_search?name=x", None, False),
        ("PUT", "Patient/1", patient("1"), False),
        ("PUT", "Patient/1", patient("2"), True),
        ("PUT", "Patient?identifier=1", patient(), False),
        ("DELETE", "Patient/1", None, False),
    ],
)
def test_a_request_fits_what_it_sends(method: str, url: str, resource: dict[str, Any] | None, is_refused: bool) -> None:
    sent = {"resource": resource} if resource else {}
    asked = bundle("batch", {"request": {"method": method, "url": url}, **sent})
    assert bool(errors(asked)) == is_refused


def test_a_transaction_writes_each_resource_once() -> None:
    deletion = {"request": {"method": "DELETE", "url": "Patient/1"}}
    assert errors(bundle("transaction", deletion, deletion)) == {("bundle-request", "Bundle.entry[1].request.url")}
    assert errors(bundle("batch", deletion, deletion)) == set()
