"""Roles say what is allowed, rules what is forbidden all the same."""

from __future__ import annotations

import pytest

from conformance.types import resource_types
from identity.access.policy.asked import Asked
from identity.access.policy.built_in import BUILT_IN
from identity.access.policy.policies import Policies
from identity.access.policy.rules import RuleError, check_rule
from identity.access.store.records import Role, Rule

NIGHT = 'forbid (principal, action == Action::"delete", resource);'
RESEARCH = (
    'forbid (principal, action, resource == ResourceType::"Observation") '
    'when { context has purpose && context.purpose == "HRESCH" && principal.assurance < 2 };'
)


def asked(role: str, interaction: str, resource_type: str, **more):
    return Asked((role,), interaction, resource_type, **more)


def may(policies: Policies, role: str, interaction: str, resource_type: str, purpose: str | None = None) -> bool:
    given = policies.given((role,) if role else (), "practitioner", purpose)
    return given.permissions.decide(resource_type, interaction).is_allowed


@pytest.mark.parametrize(
    ("role", "interaction", "resource_type", "allowed"),
    [
        ("clinician", "read", "Patient", True),
        ("clinician", "create", "MedicationRequest", True),
        ("clinician", "read", "AuditEvent", False),
        ("clinician", "update", "StructureDefinition", False),
        ("nurse", "create", "Observation", True),
        ("nurse", "create", "MedicationRequest", False),
        ("nurse", "delete", "Observation", False),
        ("registrar", "create", "Patient", True),
        ("registrar", "read", "Observation", False),
        ("laboratory", "create", "DiagnosticReport", True),
        ("laboratory", "search-type", "Condition", False),
        ("auditor", "search-type", "AuditEvent", True),
        ("auditor", "delete", "AuditEvent", False),
        ("auditor", "read", "Patient", False),
        ("administrator", "update", "Organization", True),
        ("administrator", "read", "Patient", False),
        ("unknown", "read", "Patient", False),
    ],
)
def test_built_in_roles(role, interaction, resource_type, allowed):
    assert may(Policies(), role, interaction, resource_type) is allowed


def test_every_type_that_roles_name_is_one_of_r4():
    named = {scope.resource_type for role in BUILT_IN.values() for scope in role.scopes} - {"*"}
    assert named <= set(resource_types())


def test_a_patient_reaches_the_own_compartment_only():
    given = Policies().given(("patient",), "person")
    assert (given.own, given.breaks_glass, given.administers) == (True, False, False)
    assert not Policies().given(("patient", "registrar"), "person").own


@pytest.mark.parametrize(
    ("subject_type", "allowed"), [("system", True), ("device", True), ("person", True), ("practitioner", False)]
)
def test_who_carries_no_role_has_that_of_their_kind(subject_type, allowed):
    given = Policies().given((), subject_type)
    assert given.permissions.decide("Observation", "read").is_allowed is allowed
    assert given.own is (subject_type == "person")


def test_roles_add_up():
    given = Policies().given(("registrar", "auditor", "unknown"), "practitioner")
    assert given.permissions.decide("AuditEvent", "read").is_allowed
    assert given.permissions.decide("Patient", "create").is_allowed


@pytest.mark.parametrize(("purpose", "allowed"), [(None, False), ("TREAT", False), ("HRESCH", True)])
def test_an_analyst_has_to_say_what_for(purpose, allowed):
    assert may(Policies(), "analyst", "search-type", "Observation", purpose) is allowed


def test_a_tenants_own_role_stands_in_for_the_built_in_one():
    own = Role(name="nurse", scope="user/Observation.rs?category=vital-signs", labels=("HIV",))
    given = Policies([own]).given(("nurse",), "practitioner")
    [alternative] = given.permissions.decide("Observation", "read").alternatives
    assert [each.name for each in alternative.constraints] == ["category"]
    assert not given.permissions.decide("Observation", "create").is_allowed
    assert (sorted(given.labels), given.breaks_glass) == (["HIV"], False)


def test_a_rule_forbids_and_is_named():
    policies = Policies(rules=[Rule(name="keep", text=NIGHT)])
    assert policies.forbidding(asked("clinician", "delete", "Observation")) == "keep"
    assert policies.forbidding(asked("clinician", "read", "Observation")) is None


@pytest.mark.parametrize(
    ("purpose", "assurance", "rule"), [("HRESCH", 1, "research"), ("HRESCH", 2, None), ("TREAT", 1, None)]
)
def test_rules_look_at_attributes(purpose, assurance, rule):
    policies = Policies(rules=[Rule(name="keep", text=NIGHT), Rule(name="research", text=RESEARCH)])
    question = asked("clinician", "read", "Observation", purpose=purpose, assurance=assurance)
    assert policies.forbidding(question) == rule


def test_a_rule_that_cannot_be_evaluated_forbids():
    # The check at keeping time would refuse it; one that got in otherwise must not open a door.
    text = 'forbid (principal, action, resource) when { principal.facility == "F1" };'
    policies = Policies(rules=[Rule(name="broken", text=text)])
    assert policies.forbidding(asked("clinician", "read", "Observation")) == "broken"


@pytest.mark.parametrize("text", [NIGHT, RESEARCH])
def test_rules_that_can_be_kept(text):
    check_rule(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "permit (principal, action, resource);",
        NIGHT + "permit (principal, action, resource);",
        'forbid (principal, action == Action::"fly", resource);',
        'forbid (principal, action, resource) when { context.purpos == "x" };',
        'forbid (principal, action, resource) when { principal.facility == "F1" };',
        "forbid (principal == ?principal, action, resource);",
        "// " + "x" * 30_000,
        *(
            f"forbid (principal, action, resource) when {{ {deep} }};"
            for deep in ("(" * 4000 + "1" + ")" * 4000, "1" + "+1" * 3000, "principal" + ".a" * 4000, "[" * 2000)
        ),
    ],
    ids=range(13),
)
def test_rules_that_cannot_be_kept(text):
    with pytest.raises(RuleError):
        check_rule(text)
