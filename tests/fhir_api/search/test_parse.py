"""Request parameters: what is understood, what is refused and how.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.search.definitions import base_definitions
from fhir_api.search.parse import ParsedQuery, criteria, parse_query
from fhir_api.search.query import (
    AnyClause,
    ChainClause,
    HasClause,
    IdClause,
    LastUpdatedClause,
    MissingClause,
    Total,
    ValueClause,
)
from fhir_api.search.value_clauses import MODIFIERS

DEFINITIONS = base_definitions()


def parsed(url: str, *, lenient: bool = False) -> ParsedQuery:
    types, _, text = url.partition("?")
    pairs = parse_qsl(text, keep_blank_values=True)
    return parse_query(DEFINITIONS, tuple(filter(None, types.split(","))), pairs, lenient=lenient)


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("Patient?nmae=x", ErrorKind.NOT_SUPPORTED, "no search parameter 'nmae'. Did you mean 'name'?"),
        ("Patient?_query=x", ErrorKind.NOT_SUPPORTED, "'_query'"),
        ("Patient?gender:exact=x", ErrorKind.NOT_SUPPORTED, "does not support the modifier ':exact'"),
        ("Patient?gender:of-type=a|b|c", ErrorKind.NOT_SUPPORTED, "':above', ':below'."),
        ("Patient?code:text=x", ErrorKind.NOT_SUPPORTED, "'code'"),
        ("Observation?status:text=x", ErrorKind.NOT_SUPPORTED, "':text'"),
        ("Observation?code:in=http://vs", ErrorKind.NOT_SUPPORTED, "':in'"),
        ("Observation?date:=2010", ErrorKind.NOT_SUPPORTED, "modifier ':'"),
        ("Observation?subject:Medication=1", ErrorKind.NOT_SUPPORTED, "':Medication'"),
        ("Observation?code-value-quantity:missing=true", ErrorKind.NOT_SUPPORTED, "':missing'"),
        ("Patient?_id:exact=1", ErrorKind.NOT_SUPPORTED, "':exact'"),
        ("Patient?gender=male,", ErrorKind.MALFORMED, "between any two commas"),
        ("Patient?gender:missing=yes", ErrorKind.MALFORMED, "'true' or 'false'"),
        ("Patient?birthdate=yesterday", ErrorKind.MALFORMED, "'birthdate' of Patient expects a date"),
        ("Patient?_lastUpdated=x", ErrorKind.MALFORMED, "'_lastUpdated'"),
        ("Patient?_id=a b", ErrorKind.MALFORMED, "logical ids"),
        ("Observation?code-value-quantity=a", ErrorKind.MALFORMED, "'code$value-quantity'"),
        (
            "Observation?code-value-quantity=a$b",
            ErrorKind.MALFORMED,
            "'value-quantity' of Observation expects a number",
        ),
        ("Observation?code.x=1", ErrorKind.MALFORMED, "not a reference"),
        ("Observation?patient.nmae=1", ErrorKind.NOT_SUPPORTED, "Did you mean 'name'?"),
        ("Observation?patient.birthdate=x", ErrorKind.MALFORMED, "expects a date"),
        ("Observation?subject:Medication.code=1", ErrorKind.NOT_SUPPORTED, "':Medication'"),
        ("Patient?_has:Observation:patient=1", ErrorKind.MALFORMED, "_has:Type:reference:parameter=value"),
        ("Patient?_has:Obsrvation:patient:code=1", ErrorKind.MALFORMED, "Did you mean 'Observation'?"),
        ("Patient?_has:Observation:code:code=1", ErrorKind.MALFORMED, "not a reference"),
        ("Patient?_has:Observation:encounter:code=1", ErrorKind.MALFORMED, "can point at Patient"),
        ("Patient?_has:Observation:patient:coed=1", ErrorKind.NOT_SUPPORTED, "Did you mean 'code'?"),
        ("Patient?_include=Patient", ErrorKind.MALFORMED, "'Type:parameter'"),
        ("Patient?_include=Patint:link", ErrorKind.MALFORMED, "Did you mean 'Patient'?"),
        ("Patient?_include=Patient:lnik", ErrorKind.NOT_SUPPORTED, "Did you mean 'link'?"),
        ("Patient?_include=Patient:name", ErrorKind.NOT_SUPPORTED, "'name'"),
        ("Patient?_include=Patient:link:Nobody", ErrorKind.MALFORMED, "'Nobody'"),
        ("Patient?_include:logical=Patient:link", ErrorKind.NOT_SUPPORTED, "':iterate'"),
        ("Patient?_sort=nmae", ErrorKind.NOT_SUPPORTED, "Did you mean 'name'"),
        ("Patient?_sort=-", ErrorKind.MALFORMED, "'_sort'"),
        ("Observation?_sort=code-value-quantity", ErrorKind.NOT_SUPPORTED, "composite"),
        ("Patient,Group?_sort=name", ErrorKind.NOT_SUPPORTED, "Group has no"),
        ("Patient?_count=-1", ErrorKind.MALFORMED, "whole number"),
        ("Patient?_count=ten", ErrorKind.MALFORMED, "whole number"),
        ("Patient?_count=1&_count=2", ErrorKind.MALFORMED, "more than once"),
        ("Patient?_total=all", ErrorKind.MALFORMED, "'accurate'"),
        ("Patient?_summary=short", ErrorKind.MALFORMED, "'count'"),
        ("Patient?_contained=maybe", ErrorKind.MALFORMED, "_contained"),
        ("Patient?_type=Group", ErrorKind.MALFORMED, "the type searched"),
        ("?_type=Patint", ErrorKind.MALFORMED, "Did you mean 'Patient'?"),
        ("?name=x", ErrorKind.NOT_SUPPORTED, "'name'"),
        ("Patient,Group?name=x", ErrorKind.NOT_SUPPORTED, "Group has no search parameter 'name'"),
        ("Patient?name=a%00b", ErrorKind.MALFORMED, "not allowed in text"),
        ("ValueSet?url:below=urn:oid:1", ErrorKind.MALFORMED, "not a urn"),
    ],
)
def test_refusals_name_what_is_wrong(url: str, kind: ErrorKind, words: str) -> None:
    with pytest.raises(FhirError) as refusal:
        parsed(url)
    assert refusal.value.kind is kind
    assert words in refusal.value.issues[0].diagnostics


def test_refusals_do_not_repeat_values() -> None:
    for url in ("Patient?birthdate=secret", "Observation?value-quantity=secret", "Patient?_id=secret secret"):
        with pytest.raises(FhirError) as refusal:
            parsed(url)
        assert "secret" not in refusal.value.issues[0].diagnostics


def test_lenient_leaves_out_what_is_unknown_and_says_so() -> None:
    result = parsed("Patient?nmae=x&gender=male&_query=y&_include=Patient:foo&_sort=bar", lenient=True)
    assert result.used == (("gender", "male"),)
    assert [issue.severity for issue in result.issues] == ["warning"] * 4
    assert "'nmae'" in result.issues[0].diagnostics
    assert len(result.query.clauses) == 1
    assert (result.query.includes, result.query.sort) == ((), ())


@pytest.mark.parametrize("url", ["Patient?gender:exact=x", "Patient?birthdate=x", "Patient?_count=x"])
def test_lenient_does_not_forgive_modifiers_and_values(url: str) -> None:
    with pytest.raises(FhirError):
        parsed(url, lenient=True)


def test_used_parameters_are_those_given_with_the_count_that_is_used() -> None:
    result = parsed("Patient?name:exact=A,B&_count=99999&_sort=-birthdate&_elements=name,gender&_total=none")
    assert result.used == (
        ("name:exact", "A,B"),
        ("_count", "1000"),
        ("_sort", "-birthdate"),
        ("_elements", "name,gender"),
        ("_total", "none"),
    )
    assert (result.query.count, result.query.elements, result.query.total) == (1000, ("name", "gender"), Total.NONE)
    assert [(key.code, key.descending) for key in result.query.sort] == [("birthdate", True)]


def test_parameters_without_a_value_are_left_out() -> None:
    result = parsed("Patient?name=&_sort=&shoe=&gender=male")
    assert result.used == (("gender", "male"),)
    assert (len(result.query.clauses), result.query.sort, result.issues) == (1, (), ())


def test_defaults() -> None:
    query = parsed("Patient?").query
    assert (query.count, query.total, query.sort, query.clauses, query.summary) == (20, Total.NONE, (), (), None)


@pytest.mark.parametrize("url", ["Patient?_summary=count", "Patient?_count=0", "Patient?_count=00&_total=none"])
def test_a_count_is_accurate(url: str) -> None:
    assert (parsed(url).query.count, parsed(url).query.total) == (0, Total.ACCURATE)


@pytest.mark.parametrize(("value", "summary"), [("true", "true"), ("text", "text"), ("data", "data"), ("false", None)])
def test_summaries(value: str, summary: str | None) -> None:
    assert parsed(f"Patient?_summary={value}").query.summary == summary


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("Patient?_id=1", IdClause),
        ("Patient?_lastUpdated=gt2020", LastUpdatedClause),
        ("Patient?name=x", ValueClause),
        ("Patient?name:missing=true", MissingClause),
        ("Patient?organization.name=x", ChainClause),
        ("Patient?_has:Group:member:_id=x", HasClause),
        ("Patient,Group?identifier=x", AnyClause),
    ],
)
def test_kinds_of_clauses(url: str, kind: type) -> None:
    (clause,) = parsed(url).query.clauses
    assert isinstance(clause, kind)


def test_a_chain_goes_to_every_target_type_that_has_the_parameter() -> None:
    (clause,) = parsed("Observation?subject.name=x").query.clauses
    assert isinstance(clause, ChainClause)
    assert {target for target, _ in clause.targets} == {"Patient", "Location"}


def test_chains_nest() -> None:
    (clause,) = parsed("Observation?subject:Patient.organization.partof.name:exact=x").query.clauses
    depth = 0
    while isinstance(clause, ChainClause):
        ((_, clause),) = clause.targets
        depth += 1
    assert depth == 3
    assert isinstance(clause, ValueClause)
    assert clause.modifier == "exact"


@pytest.mark.parametrize(
    "name",
    [
        ".".join([*["focus"] * 900, "status"]),
        ":".join([*["_has:Task:focus"] * 900, "status"]),
        "focus.subject.focus.subject.focus.subject.status",
    ],
)
def test_a_chain_that_reaches_everything_is_refused_at_once(name: str) -> None:
    with pytest.raises(FhirError) as refusal:
        parse_query(DEFINITIONS, ("Task",), [(name, "x")])
    assert refusal.value.kind is ErrorKind.TOO_COSTLY


def test_type_narrows_a_search_over_everything() -> None:
    assert parsed("?_type=Patient,Group&identifier=1").query.resource_types == ("Patient", "Group")
    assert parsed("?_id=1").query.resource_types == ()
    assert parsed("Patient?_type=Patient").query.resource_types == ("Patient",)


def test_every_include_of_a_type_and_of_everything() -> None:
    (include,) = parsed("Encounter?_include=Encounter:*").query.includes
    assert {parameter.code for parameter in include.parameters} >= {"subject", "patient", "practitioner"}
    assert parsed("Encounter?_include=*").query.includes == (include,)
    sources = {include.source_type for include in parsed("Patient?_revinclude=*").query.includes}
    assert {"Observation", "Encounter", "Patient"} <= sources
    assert "Substance" not in sources


def test_modifiers_are_those_of_the_types() -> None:
    types = {
        parameter.type for name in DEFINITIONS.resource_types for parameter in DEFINITIONS.parameters(name).values()
    }
    assert types == MODIFIERS.keys()


def test_criteria() -> None:
    assert len(criteria(DEFINITIONS, "Patient", "identifier=http://x|1&birthdate=2000")) == 2
    assert criteria(DEFINITIONS, "Patient", "?identifier=http%3A%2F%2Fx%7C1") == criteria(
        DEFINITIONS, "Patient", "identifier=http://x|1"
    )


@pytest.mark.parametrize(
    "query", ["", "?", "_sort=name", "_count=1", "_include:iterate=Patient:link", "nmae=x", "name="]
)
def test_criteria_are_refused_when_they_are_none(query: str) -> None:
    with pytest.raises(FhirError):
        criteria(DEFINITIONS, "Patient", query)


NAMES = st.sampled_from(
    [
        "name",
        "gender",
        "birthdate",
        "identifier",
        "general-practitioner",
        "organization.name",
        "_id",
        "_sort",
        "_count",
        "_include",
        "link.birthdate",
        "_has:Observation:patient:code-value-quantity",
        "_tag",
        "_profile:below",
        "name:exact",
        "identifier:of-type",
        "gender:not",
        "_elements",
        "_lastUpdated",
        "deceased",
        "_revinclude:iterate",
    ]
)
VALUES = st.text(max_size=12) | st.sampled_from(["1", "a|b", "ge2010", "a|b|c", "Patient:link"])


@given(st.lists(st.tuples(NAMES | st.text(max_size=8), VALUES)))
def test_whatever_is_sent_is_understood_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        outcome: ParsedQuery | FhirError = parse_query(DEFINITIONS, ("Patient",), pairs)
    except FhirError as refusal:
        outcome = refusal
    if isinstance(outcome, FhirError):
        assert outcome.kind in {ErrorKind.NOT_SUPPORTED, ErrorKind.MALFORMED, ErrorKind.TOO_COSTLY}
        assert outcome.issues[0].diagnostics
