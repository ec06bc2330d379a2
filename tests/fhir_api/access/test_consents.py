"""What consents withhold: by type of resource, by certainty, in the published cases, and by a plain reading."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_api.access.consents import DEEPEST, MOST
from tests.support.consenting import a_consent, is_withheld, is_withheld_plainly, reader
from tests.support.examples import official_examples

HIV = {"coding": [{"system": "http://snomed.info/sct", "code": "86406008"}]}
FLU = {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}]}
IN_WORDS = {"text": "as told"}
SUBJECT = {"reference": "Patient/a"}
DOCTOR = reader(fhir_user="Practitioner/p", organisation="o")
UNKNOWN = reader()


def a(resource_type: str, **elements: Any) -> dict[str, Any]:
    """Return a resource of patient ``a``, by whatever element its type has for that."""
    whose = {"Patient": {}, "Immunization": {"patient": SUBJECT}, "AllergyIntolerance": {"patient": SUBJECT}}
    return {"resourceType": resource_type, "id": "a", **whose.get(resource_type, {"subject": SUBJECT}), **elements}


def denies(**what: Any) -> dict[str, Any]:
    return a_consent({"type": "permit", "provision": [{"type": "deny", **what}]})


def gives(**what: Any) -> dict[str, Any]:
    return a_consent({"type": "deny", "provision": [{"type": "permit", **what}]})


@pytest.mark.parametrize(
    ("resource", "withheld", "given"),
    [
        (a("Condition", code=HIV), True, True),
        (a("Condition", code=FLU), False, False),
        (a("Condition", code=IN_WORDS), True, False),
        (a("Condition"), True, False),
        (a("Condition", code=FLU, evidence=[{"code": [HIV]}]), True, True),
        (a("Observation", code=FLU, valueCodeableConcept=HIV), True, True),
        (a("Immunization", vaccineCode=HIV), True, True),
        (a("Immunization", vaccineCode=FLU), False, False),
        (a("Immunization", vaccineCode=FLU, reasonCode=[HIV]), True, True),
        (a("MedicationRequest", medicationCodeableConcept=HIV), True, True),
        (a("MedicationRequest", medicationCodeableConcept=FLU), False, False),
        (a("MedicationRequest", medicationReference={"reference": "Medication/m"}), True, False),
        (a("Procedure", code=FLU), False, False),
        (a("Procedure", code=FLU, reasonCode=[HIV]), True, True),
        (a("AllergyIntolerance", code=HIV), True, True),
        (a("Encounter", type=[FLU]), False, False),
        (a("Encounter", reasonCode=[HIV]), True, True),
        (a("Encounter"), False, False),
        (a("DocumentReference", type=HIV), True, True),
        (a("Flag", code=FLU), True, False),
        (a("QuestionnaireResponse"), True, False),
        (a("Patient"), False, False),
    ],
    ids=lambda value: value["resourceType"] if isinstance(value, dict) else "",
)
def test_a_code_is_looked_for_where_a_type_has_codes(resource, withheld, given):
    assert is_withheld([denies(code=[HIV])], DOCTOR, resource) is withheld
    assert is_withheld([gives(code=[HIV])], DOCTOR, resource) is not given


@pytest.mark.parametrize(
    ("caller", "about", "withheld", "given"),
    [
        (DOCTOR, {"reference": "Practitioner/p"}, True, True),
        (DOCTOR, {"reference": "Practitioner/p/_history/2"}, True, True),
        (DOCTOR, {"reference": "Practitioner/q"}, False, False),
        (DOCTOR, {"reference": "Patient/b"}, False, False),
        (DOCTOR, {"reference": "Organization/o"}, True, True),
        (DOCTOR, {"reference": "Organization/x"}, False, False),
        (DOCTOR, {"reference": "Group/g"}, True, False),
        (DOCTOR, {"reference": "PractitionerRole/r"}, True, False),
        (DOCTOR, {"reference": "Person/n"}, True, False),
        (DOCTOR, {"reference": "https://elsewhere.example/Practitioner/p"}, True, False),
        (DOCTOR, {"display": "my neighbour"}, True, False),
        (UNKNOWN, {"reference": "Practitioner/q"}, True, False),
        (UNKNOWN, {"reference": "Organization/x"}, True, False),
        (UNKNOWN, {"reference": "Device/x"}, True, False),
        (reader(fhir_user="Person/n"), {"reference": "Practitioner/q"}, True, False),
        (reader(fhir_user="Patient/b"), {"reference": "Practitioner/q"}, False, False),
    ],
)
def test_whoever_may_be_the_actor_is_denied_and_whoever_surely_is_gets_it(caller, about, withheld, given):
    actor = [{"role": {"coding": [{"code": "PRCP"}]}, "reference": about}]
    condition = a("Condition", code=FLU)
    assert is_withheld([denies(actor=actor)], caller, condition) is withheld
    assert is_withheld([gives(actor=actor)], caller, condition) is not given


def test_whom_information_comes_from_is_not_who_asks_for_it():
    actor = [{"role": {"coding": [{"code": "AUT"}]}, "reference": {"reference": "Practitioner/p"}}]
    assert is_withheld([denies(actor=actor)], reader(fhir_user="Practitioner/q"), a("Condition", code=FLU))
    assert is_withheld([gives(actor=actor)], DOCTOR, a("Condition", code=FLU))


def labelled(*codes: str) -> dict[str, Any]:
    return a("Condition", code=FLU, meta={"security": [{"code": code} for code in codes]})


@pytest.mark.parametrize(
    ("asked", "resource", "withheld", "given"),
    [
        (["HIV"], labelled("HIV"), True, True),
        (["HIV"], labelled("PSY"), False, False),
        (["SPI"], labelled("ETHUD"), True, True),
        (["ETHUD"], labelled("SPI"), False, False),
        (["HIV", "PSY"], labelled("HIV"), True, False),
        (["HIV", "PSY"], labelled("HIV", "PSY"), True, True),
        (["R"], labelled("V"), True, False),
        (["R"], labelled("R"), True, True),
        (["R"], labelled("N"), False, True),
        (["R"], labelled("N", "V"), True, False),
        (["R"], labelled(), False, False),
        (["N"], labelled(), True, False),
        ([""], labelled("HIV"), True, False),
    ],
)
def test_labels_stand_for_others_and_for_levels(asked, resource, withheld, given):
    system = dict.fromkeys("NRV", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality")
    for label in resource["meta"]["security"]:
        if label["code"] in system:
            label["system"] = system[label["code"]]
    labels = [{"code": code} if code else {"display": "secret"} for code in asked]
    assert is_withheld([denies(securityLabel=labels)], DOCTOR, resource) is withheld
    assert is_withheld([gives(securityLabel=labels)], DOCTOR, resource) is not given


@pytest.mark.parametrize(
    ("meaning", "reference", "withheld", "given"),
    [
        ("instance", "Condition/a", True, True),
        ("instance", "Condition/b", False, False),
        ("instance", "Observation/a", False, False),
        ("dependents", "Encounter/e", True, False),
        ("dependents", "Encounter/f", False, False),
        ("dependents", "Condition/a", True, True),
        ("authoredby", "Practitioner/w", True, False),
        ("authoredby", "Practitioner/v", False, False),
        ("related", "Encounter/f", True, False),
        ("instance", "https://elsewhere.example/Condition/a", True, False),
    ],
)
def test_data_is_named_in_four_ways(meaning, reference, withheld, given):
    condition = a(
        "Condition", encounter={"reference": "Encounter/e"}, asserter={"reference": "Practitioner/w"}, code=FLU
    )
    data = [{"meaning": meaning, "reference": {"reference": reference}}]
    assert is_withheld([denies(data=data)], DOCTOR, condition) is withheld
    assert is_withheld([gives(data=data)], DOCTOR, condition) is not given


@pytest.mark.parametrize(
    ("what", "withheld", "given"),
    [
        ({"class": [{"code": "Condition"}]}, True, True),
        ({"class": [{"code": "http://hl7.org/fhir/StructureDefinition/Condition"}]}, True, True),
        ({"class": [{"code": "Observation"}]}, False, False),
        ({"class": [{"system": "http://loinc.org", "code": "34133-9"}]}, True, False),
        ({"purpose": [{"code": "TREAT"}]}, True, True),
        ({"purpose": [{"code": "HRESCH"}]}, False, False),
        ({"action": [{"coding": [{"code": "access"}]}, {"coding": [{"code": "correct"}]}]}, True, True),
        ({"action": [{"coding": [{"code": "collect"}]}]}, True, False),
        ({"dataPeriod": {"end": "2020"}}, True, False),
        ({"modifierExtension": [{"url": "http://example.org/x", "valueBoolean": True}]}, True, False),
        ({"period": {"end": "2020"}}, False, False),
        ({"period": {"start": "someday"}}, True, False),
        ({"code": [IN_WORDS]}, True, False),
        ({"code": [FLU, IN_WORDS]}, True, True),
    ],
    ids=str,
)
def test_what_cannot_be_told_is_withheld_and_not_given(what, withheld, given):
    condition = a("Condition", code=FLU)
    assert is_withheld([denies(**what)], DOCTOR, condition) is withheld
    assert is_withheld([gives(**what)], DOCTOR, condition) is not given


@pytest.mark.parametrize(
    ("stated", "asked", "withheld"),
    [("BTG", "TREAT", True), ("TREAT", "ETREAT", False), ("CLINTRCH", "HRESCH", True), (None, "TREAT", True)],
)
def test_a_purpose_stands_for_those_below_it(stated, asked, withheld):
    caller = reader(fhir_user="Practitioner/p", purpose=stated)
    assert is_withheld([denies(purpose=[{"code": asked}])], caller, a("Condition")) is withheld


@pytest.mark.parametrize(
    ("provision", "rule", "withheld"),
    [
        # an exception in a rule that is of the same kind still is one
        ({"type": "permit", "provision": [{"type": "permit", "provision": [{"type": "deny"}]}]}, "OPTIN", True),
        ({"type": "deny", "provision": [{"type": "deny", "provision": [{"type": "permit"}]}]}, "OPTIN", True),
        # of exceptions that contradict each other the one that withholds counts
        ({"type": "deny", "provision": [{"type": "permit"}, {"type": "deny"}]}, "OPTIN", True),
        ({"type": "deny", "provision": [{"type": "permit", "provision": [{"type": "deny"}]}]}, "OPTIN", True),
        ({"type": "permit", "provision": [{"type": "deny", "provision": [{"type": "permit"}]}]}, "OPTIN", False),
        # what is nested in a rule that is over is over
        ({"type": "permit", "period": {"end": "2020"}, "provision": [{"type": "deny"}]}, "OPTIN", False),
        ({"period": {"end": "2020"}}, "OPTOUT", False),
        ({"period": {"start": "2020"}}, "OPTOUT", True),
        ({"type": "permit"}, "OPTOUT", False),
        ({"type": "permit", "period": {"end": "2020"}}, "OPTOUT", True),
        # R4 wants a type in nested provisions
        ({"provision": [{}]}, "OPTIN", True),
        ({"type": "deny", "provision": [{}]}, "OPTIN", True),
        (None, "OPTOUT", True),
        (None, "OPTIN", False),
    ],
    ids=str,
)
def test_provisions_are_exceptions_from_what_they_stand_in(provision, rule, withheld):
    assert is_withheld([a_consent(provision, rule=rule)], DOCTOR, a("Condition", code=FLU)) is withheld


def nested(levels: int) -> dict[str, Any]:
    kind = "permit" if levels % 2 else "deny"
    return {"type": kind, **({"provision": [nested(levels - 1)]} if levels > 1 else {})}


def test_a_consent_too_large_to_be_read_withholds_everything():
    resource = a("Condition", code=FLU)
    assert not is_withheld([a_consent(nested(DEEPEST - 1))], DOCTOR, resource)
    assert is_withheld([a_consent(nested(DEEPEST + 1))], DOCTOR, resource)
    permits = [{"type": "permit"}] * MOST
    assert not is_withheld([a_consent({"provision": permits[1:]})], DOCTOR, resource)
    assert is_withheld([a_consent({"provision": permits})], DOCTOR, resource)


@pytest.mark.parametrize("reference", ["Patient/a", "Patient/a/_history/3"])
def test_a_patient_is_named_by_any_version(reference):
    consent = a_consent({"type": "deny"}, patient=reference.removeprefix("Patient/"))
    assert is_withheld([consent], DOCTOR, a("Condition"))


def test_a_consent_of_one_is_none_of_another():
    consents = [denies(code=[HIV]), a_consent({"type": "deny"}, patient="b")]
    assert is_withheld(consents, DOCTOR, a("Condition", code=HIV))
    assert not is_withheld(consents, DOCTOR, a("Condition", code=FLU))
    assert is_withheld(
        consents, DOCTOR, {"resourceType": "Condition", "id": "b", "subject": {"reference": "Patient/b"}}
    )


# As the decision service of ONC's LEAP project has them in its tests; hl7.org/fhir/R4/consent.html has the second.
def recipient(reference: str) -> list[dict[str, Any]]:
    return [{"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": reference}}]


LEAP = {
    "a practitioner": ({"actor": recipient("Practitioner/p"), "action": [{"coding": [{"code": "access"}]}]}, True),
    "restricted, to an organisation": (
        {"securityLabel": [{"code": "R"}], "actor": recipient("Organization/o")},
        False,
    ),
    "a class, to an organisation": (
        {
            "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Condition"}],
            "actor": recipient("Organization/o"),
        },
        True,
    ),
    "a clinical code": ({"code": [FLU]}, True),
    "marketing": ({"purpose": [{"code": "HMARKT"}]}, False),
}


@pytest.mark.parametrize("name", LEAP)
def test_the_cases_of_leap(name):
    provision, withheld = LEAP[name]
    root = {"type": "permit", "period": {"start": "2019-11-01", "end": "2029-01-01"}}
    consent = a_consent(root | {"provision": [{"type": "deny", **provision}]}, rule="hipaa-self-pay")
    assert is_withheld([consent], DOCTOR, a("Condition", code=FLU)) is withheld
    expired = root | {"period": {"end": "2019-12-01"}, "provision": [{"type": "deny", **provision}]}
    assert not is_withheld([a_consent(expired)], DOCTOR, a("Condition", code=FLU))


PUBLISHED = {
    "consent-example-basic": False,
    "consent-example-Out": True,
    "consent-example-Emergency": False,
    "consent-example-grantor": True,
    "consent-example-notOrg": True,
    "consent-example-notTime": False,
    "consent-example-smartonfhir": False,
    "consent-example-signature": False,
    # these opt in and leave out the type: R4's own text asks for the policy rule then
    "consent-example-notThem": False,
    "consent-example-notThis": False,
    "consent-example-notAuthor": False,
}


def test_the_examples_of_r4():
    found = {tree["id"]: tree for tree in official_examples() if tree["resourceType"] == "Consent"}
    told = {}
    for name in PUBLISHED:
        subject = {"reference": found[name]["patient"]["reference"]}
        resource = {"resourceType": "Condition", "id": "x", "subject": subject, "code": FLU}
        told[name] = is_withheld([found[name]], reader(fhir_user="Practitioner/p", organisation="f001"), resource)
    assert told == PUBLISHED


CODES = st.sampled_from([HIV, FLU, IN_WORDS])
LABELS = st.builds(lambda code: {"code": code}, st.sampled_from(["HIV", "SUD", "ETHUD", "N", "R", "V", "L"]))
REFERENCES = st.sampled_from(["Practitioner/p", "Practitioner/q", "Organization/o", "Group/g", "PractitionerRole/r"])
DATA_NAMED = st.sampled_from(["Condition/a", "Observation/a", "Practitioner/p", "Encounter/e"])
MEANINGS = st.sampled_from(["instance", "related", "dependents", "authoredby"])
SOME = {
    "actor": st.builds(
        lambda role, reference: {"role": {"coding": [{"code": role}]}, "reference": {"reference": reference}},
        st.sampled_from(["PRCP", "CST"]),
        REFERENCES,
    ),
    "purpose": st.sampled_from([{"code": code} for code in ("TREAT", "HRESCH", "ETREAT")]),
    "class": st.sampled_from([{"code": code} for code in ("Condition", "Observation", "Flag", "34133-9")]),
    "code": CODES,
    "securityLabel": LABELS,
    "action": st.sampled_from([{"coding": [{"code": code}]} for code in ("access", "correct")]),
    "data": st.builds(
        lambda meaning, reference: {"meaning": meaning, "reference": {"reference": reference}}, MEANINGS, DATA_NAMED
    ),
}
SAID = {name: st.lists(values, min_size=1, max_size=2) for name, values in SOME.items()} | {
    "period": st.sampled_from(
        [{"end": "2020"}, {"start": "2020"}, {"start": "2020", "end": "2031"}, {"start": "2031"}]
    ),
    "dataPeriod": st.just({"start": "2020"}),
}


@st.composite
def provisions(draw: st.DrawFn, levels: int = 3) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(sorted(SAID)), unique=True, max_size=2))
    said = {name: draw(SAID[name]) for name in names}
    kind = draw(st.sampled_from(["deny", "permit", None]))
    inner = draw(st.lists(provisions(levels - 1), max_size=2)) if levels > 1 else []
    return said | ({"type": kind} if kind else {}) | ({"provision": inner} if inner else {})


RESOURCES = st.builds(
    lambda make, labels: make | ({"meta": {"security": labels}} if labels else {}),
    st.one_of(
        st.builds(lambda code: a("Condition", code=code, encounter={"reference": "Encounter/e"}), CODES),
        st.builds(lambda code: a("Observation", code=code, performer=[{"reference": "Practitioner/p"}]), CODES),
        st.builds(lambda code, why: a("Immunization", vaccineCode=code, reasonCode=[why]), CODES, CODES),
        st.builds(lambda code: a("MedicationRequest", medicationCodeableConcept=code), CODES),
        st.just(a("MedicationRequest", medicationReference={"reference": "Medication/m"})),
        st.builds(lambda code: a("Flag", code=code), CODES),
        st.builds(lambda why: a("Encounter", reasonCode=[why]), CODES),
        st.just(a("Patient")),
    ),
    st.lists(LABELS, max_size=2),
)
CALLERS = st.builds(
    lambda user, organisation, purpose: reader(fhir_user=user, organisation=organisation, purpose=purpose),
    st.sampled_from(["Practitioner/p", "Practitioner/q", None]),
    st.sampled_from(["o", "x", None]),
    st.sampled_from([None, "TREAT", "BTG", "HRESCH", "CLINTRCH", "HMARKT"]),
)
SYSTEMS = dict.fromkeys("LNRV", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality")


@settings(deadline=None, max_examples=300)
@given(provisions(), st.sampled_from(["OPTIN", "OPTOUT"]), CALLERS, RESOURCES)
def test_what_is_compiled_is_what_a_plain_reading_says(provision, rule, caller, resource):
    labels = [
        label | {"system": SYSTEMS.get(label["code"], "x")} for label in resource.get("meta", {}).get("security", ())
    ]
    resource = resource | ({"meta": {"security": labels}} if labels else {})
    consent = a_consent(provision, rule=rule)
    assert is_withheld([consent], caller, resource) is is_withheld_plainly(consent, caller, resource)
