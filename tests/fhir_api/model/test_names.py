"""Ids, keys, references, outcomes."""

from __future__ import annotations

import orjson
import pytest

from fhir_api.model.errors import ISSUE_CODES, ErrorKind, refuse
from fhir_api.model.keys import ResourceKey, is_logical_id, new_logical_id
from fhir_api.model.outcome import operation_outcome
from fhir_api.model.references import parse_restful
from fhir_api.model.versions import instant


@pytest.mark.parametrize("text", ["a", "A-1.b", "x" * 64, "..", pytest.param(new_logical_id(), id="new")])
def test_ids(text):
    assert is_logical_id(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a/b", "a_b", "é", "a\n", "a|b", "\u0661"])
def test_what_is_no_id(text):
    assert not is_logical_id(text)


@pytest.mark.parametrize(
    ("text", "base", "key", "version_id"),
    [
        ("Patient/1", None, "Patient/1", None),
        ("Patient/1/_history/2", None, "Patient/1", "2"),
        ("Patient/1#part", None, "Patient/1", None),
        ("http://x/fhir/Patient/1", "http://x/fhir", "Patient/1", None),
        ("https://x:8080/a/b/Patient/1/_history/2", "https://x:8080/a/b", "Patient/1", "2"),
        ("http://x/Patient/1/Observation/2", "http://x/Patient/1", "Observation/2", None),
    ],
)
def test_restful_references(text, base, key, version_id):
    found = parse_restful(text)
    assert found is not None
    assert (found.base, str(found.key), found.version_id) == (base, key, version_id)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#part",
        "Patient",
        "Patient/",
        "Patient/a b",
        "patient/1",
        "Patient/1/x",
        "Patient/1/_history",
        "Patient/1/_history/",
        "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a",
        "Patient?identifier=1",
        "http://x/fhir?x=/Patient/1",
        "ftp://x/Patient/1",
        "/Patient/1",
    ],
)
def test_what_is_no_restful_reference(text):
    assert parse_restful(text) is None


def test_a_key_reads_as_it_is_written():
    assert str(ResourceKey("Patient", "a")) == "Patient/a"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"), (-1, "1969-12-31T23:59:59.999Z")],
)
def test_instants(milliseconds, text):
    assert instant(milliseconds) == text


def test_every_kind_has_an_issue_code():
    assert set(ISSUE_CODES) == set(ErrorKind)


def test_an_outcome_shows_its_issues():
    error = refuse(ErrorKind.CONFLICT, "Why.", expression="Patient.name")
    assert orjson.loads(operation_outcome(error.issues)) == {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "conflict", "diagnostics": "Why.", "expression": ["Patient.name"]}],
    }
