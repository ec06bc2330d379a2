"""SMART scopes: notation, comparison and what they allow."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from identity.access.errors import OAuthError
from identity.access.scopes.permissions import compile_scope
from identity.access.scopes.resource_scope import Constraint, Context, ResourceScope
from identity.access.scopes.scope_set import ScopeSet, read_scopes


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("patient/Observation.read", "patient/Observation.rs"),
        ("user/*.write", "user/*.cud"),
        ("system/*.*", "system/*.cruds"),
        ("patient/Patient.cruds", "patient/Patient.cruds"),
        (
            "patient/Observation.rs?category=http://a/b|laboratory",
            "patient/Observation.rs?category=http://a/b|laboratory",
        ),
        ("patient/Observation.rs?code=b,a&category=c", "patient/Observation.rs?category=c&code=a,b"),
        ("user/Patient.r?name:exact=M%C3%BCller", "user/Patient.r?name:exact=M%C3%BCller"),
        ("patient/*.rs?_security=R", "patient/*.rs?_security=R"),
        ("openid fhirUser launch/patient offline_access", "fhirUser launch/patient offline_access openid"),
        ("", ""),
    ],
)
def test_scopes_are_written_in_one_way(text, written):
    assert str(read_scopes(text)) == written
    assert read_scopes(written) == read_scopes(text)


@pytest.mark.parametrize(
    "text",
    [
        "everything",
        "patient/Observation",
        "patient/Observation.",
        "patient/Observation.sr",
        "patient/Observation.rr",
        "patient/Observation.readwrite",
        "patient/Observatoin.rs",
        "patient/DomainResource.rs",
        "Patient/Observation.rs",
        "practitioner/Observation.rs",
        "patient/observation.rs",
        "patient/*.rs?category=laboratory",
        "patient/Observation.read?category=laboratory",
        "patient/Observation.rs?",
        "patient/Observation.rs?category",
        "patient/Observation.rs?category=",
        "patient/Observation.rs?=x",
        "patient/Observation.rs?category=a,,b",
        "patient/Observation.rs?subject.name=x",
        "patient/Observation.rs?_has:Patient:x=x",
        "patient/Observation.rs?_include=x",
        "patient/Observation.rs?code=%ff",
        "patient/Observation.rs?code=%0a",
        "patient/Observation.rs?code=%00",
        "patient/Observation.rs?code=a%2",
        'patient/Observation.rs?code="a"',
        "patient/Observation.rs?" + "&".join(f"a{n}=b" for n in range(11)),
        "openid  fhirUser",
        " openid",
        "openid\tfhirUser",
        " ".join(["openid"] * 61),
    ],
)
def test_what_is_no_scope_is_refused(text):
    if text.endswith("%2"):
        # A stray percent sign stands for itself, as in any URL that is read leniently; it is written back encoded.
        assert str(read_scopes(text)).endswith("a%252")
        return
    with pytest.raises(OAuthError, match="invalid_scope"):
        read_scopes(text)


@pytest.mark.parametrize(
    ("wider", "narrower"),
    [
        ("patient/*.cruds", "patient/Observation.rs"),
        ("patient/Observation.rs", "patient/Observation.r"),
        ("patient/Observation.rs", "patient/Observation.rs?category=laboratory"),
        ("patient/Observation.rs?category=a,b", "patient/Observation.rs?category=a"),
        ("patient/Observation.rs?category=a", "patient/Observation.rs?category=a&code=c"),
        ("user/*.read openid", "user/Patient.s openid"),
    ],
)
def test_a_wider_scope_covers_a_narrower_one(wider, narrower):
    assert read_scopes(wider).covers(read_scopes(narrower))
    assert not read_scopes(narrower).covers(read_scopes(wider))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("patient/Observation.rs", "user/Observation.rs"),
        ("patient/Observation.rs?category=a", "patient/Observation.rs?category=b"),
        ("patient/Observation.rs?category=a", "patient/Observation.rs?category:not=a"),
        ("patient/Observation.c", "patient/Observation.r"),
        ("openid", "fhirUser"),
    ],
)
def test_scopes_side_by_side_do_not_cover_each_other(one, other):
    assert not read_scopes(one).covers(read_scopes(other))
    assert not read_scopes(other).covers(read_scopes(one))


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("patient/*.rs", "patient/Observation.cruds", "patient/Observation.rs"),
        ("patient/*.rs openid", "user/*.rs openid", "openid"),
        ("patient/Observation.rs?category=a", "patient/*.r", "patient/Observation.r?category=a"),
        (
            "patient/Observation.rs?category=a",
            "patient/Observation.rs?code=c",
            "patient/Observation.rs?category=a&code=c",
        ),
        ("patient/*.rs patient/Observation.r", "patient/*.rs", "patient/*.rs"),
        ("patient/Observation.c", "patient/Observation.r", ""),
    ],
)
def test_what_two_sets_share(one, other, shared):
    assert str(read_scopes(one).shared_with(read_scopes(other))) == shared
    assert str(read_scopes(other).shared_with(read_scopes(one))) == shared


def test_scopes_that_would_take_long_to_compare_are_refused():
    one = read_scopes(" ".join(f"patient/Observation.rs?category={n}" for n in range(60)))
    other = read_scopes(" ".join(f"patient/Observation.rs?code={n}" for n in range(60)))
    with pytest.raises(OAuthError, match="invalid_scope"):
        one.shared_with(other)
    assert one.shared_with(read_scopes("patient/*.cruds")) == one


_constraints = strategies.builds(
    Constraint,
    strategies.sampled_from(["category", "code", "status"]),
    strategies.frozensets(strategies.sampled_from(["a", "b", "c"]), min_size=1),
)
_scopes = strategies.builds(
    ResourceScope,
    strategies.sampled_from(Context),
    strategies.sampled_from(["Observation", "Patient"]),
    strategies.sampled_from(["r", "rs", "cud", "cruds"]),
    strategies.frozensets(_constraints, max_size=2),
)
_sets = strategies.builds(ScopeSet, strategies.just(frozenset()), strategies.frozensets(_scopes, max_size=4))


@given(_sets, _sets)
def test_what_is_shared_is_covered_by_both(one, other):
    shared = one.shared_with(other)
    assert one.covers(shared)
    assert other.covers(shared)
    assert read_scopes(str(shared)) == shared
    assert one.covers(one)


def test_a_decision_tells_what_may_be_reached():
    permissions = compile_scope("patient/Observation.rs?category=laboratory patient/Condition.rs user/*.r", "p1")
    searched = permissions.decide("Observation", "search-type")
    assert [(each.context, [str(c.values) for c in each.constraints]) for each in searched.alternatives] == [
        ("patient", ["frozenset({'laboratory'})"])
    ]
    assert searched.patient == "p1"
    assert not searched.is_unrestricted
    assert permissions.decide("Observation", "read").is_unrestricted
    assert permissions.decide("Encounter", "vread").is_unrestricted
    assert not permissions.decide("Encounter", "search-type").is_allowed
    assert not permissions.decide("Condition", "create").is_allowed
    assert not permissions.decide("Condition", "$everything").is_allowed


def test_an_alternative_that_another_one_covers_is_left_out():
    permissions = compile_scope("patient/Observation.rs?category=a patient/Observation.rs patient/*.s?_tag=x", "p1")
    assert [len(each.constraints) for each in permissions.decide("Observation", "search-type").alternatives] == [0]


def test_scopes_of_a_patient_allow_nothing_without_a_patient():
    permissions = compile_scope("patient/*.cruds")
    assert not permissions.decide("Observation", "read").is_allowed


@pytest.mark.parametrize(
    ("interaction", "letter"),
    [
        ("create", "c"),
        ("read", "r"),
        ("vread", "r"),
        ("update", "u"),
        ("patch", "u"),
        ("delete", "d"),
        ("search-type", "s"),
    ],
)
def test_each_interaction_has_its_letter(interaction, letter):
    for each in "cruds":
        allowed = compile_scope(f"system/Patient.{each}").decide("Patient", interaction).is_allowed
        assert allowed is (each == letter)
