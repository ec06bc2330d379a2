"""Search by every type of parameter: which resources match which value.

Spec: https://hl7.org/fhir/R4/search.html#ptypes
"""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.store.port import TenantStore
from tests.support.stores import deletion, found, write

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def patient(logical_id: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": logical_id, **members}


def observation(logical_id: str, code: str | None, **members: Any) -> dict[str, Any]:
    coded = {"code": {"coding": [{"system": LOINC, "code": code}]}} if code else {"code": {"text": "unknown"}}
    return {"resourceType": "Observation", "id": logical_id, "status": "final", **coded, **members}


def quantity(value: float, code: str, unit: str | None = None) -> dict[str, Any]:
    return {"value": value, "system": UCUM, "code": code, "unit": unit or code}


PATIENTS = [
    patient(
        "eve",
        active=True,
        gender="female",
        birthDate="1980-03-14",
        name=[{"family": "Müller-Lüdenscheidt", "given": ["Eve", "Ann"]}],
        identifier=[
            {
                "system": "http://mrn",
                "value": "Abc-1",
                "type": {"coding": [{"system": "http://types", "code": "MR"}, {"system": "http://types", "code": "X"}]},
            }
        ],
        telecom=[{"system": "phone", "value": "+250 788"}, {"system": "email", "value": "Eve@Example.org"}],
        meta={"tag": [{"system": "http://tags", "code": "t1"}], "profile": ["http://profiles/p|1.0"]},
        generalPractitioner=[{"reference": "Practitioner/p1"}, {"reference": "http://other/fhir/Practitioner/p9"}],
        managingOrganization={"identifier": {"system": "http://orgs", "value": "7"}, "display": "Clinic"},
    ),
    patient(
        "evelyn",
        active=False,
        gender="female",
        birthDate="1980-03",
        name=[{"family": "O'Brien", "given": ["Evelyn"], "text": "Evelyn  O'Brien"}],
        identifier=[{"value": "Abc-1"}],
        deceasedDateTime="2020",
        meta={"source": "http://source/1", "security": [{"system": "http://sec", "code": "R"}]},
        generalPractitioner=[{"reference": "Organization/p1"}],
    ),
    patient(
        "severine",
        gender="other",
        birthDate="1980",
        name=[{"family": "obrien", "given": ["Séverine"]}],
        identifier=[{"system": "http://other", "value": "abc-1"}],
        deceasedBoolean=False,
        telecom=[{"system": "phone", "value": "eve@example.org"}],
    ),
    patient("bare"),
]

OBSERVATIONS = [
    observation(
        "bp",
        "85354-9",
        effectiveDateTime="2013-01-14T10:00:00Z",
        component=[
            {
                "code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
                "valueQuantity": quantity(120, "mm[Hg]", "mmHg"),
            },
            {
                "code": {"coding": [{"system": LOINC, "code": "8462-4"}]},
                "valueQuantity": quantity(80, "mm[Hg]", "mmHg"),
            },
        ],
        subject={"reference": "Patient/eve"},
    ),
    observation("mg", "A", effectiveDateTime="2013-01-14", valueQuantity=quantity(5.4, "mg"), status="amended"),
    observation("mg2", "A", effectiveDateTime="2013-01-15T00:00:00Z", valueQuantity=quantity(5.44, "mg")),
    observation("g", "B", effectivePeriod={"start": "2013-01-21"}, valueQuantity=quantity(5.45, "g", "gram")),
    observation("text", "B", effectivePeriod={"start": "2013-01-10", "end": "2013-01-21"}, valueString="Red eye"),
    observation("none", None, effectivePeriod={"end": "2013-01-13"}),
    observation(
        "coded",
        "C",
        valueCodeableConcept={"coding": [{"system": "http://s", "code": "yes"}], "text": "Definitely yes"},
        subject={"reference": "Group/eve"},
    ),
    observation(
        "timed",
        "C",
        effectiveTiming={
            "event": ["2014-05-05", "2014-05-01"],
            "repeat": {"boundsPeriod": {"start": "2014-05-03", "end": "2014-05-20"}},
        },
        valueSampledData={"origin": quantity(10, "mV"), "period": 10, "factor": 2, "dimensions": 1, "data": "-3 E 0 4"},
        subject={"reference": "http://other/fhir/Patient/eve"},
    ),
]

OTHERS: list[dict[str, Any]] = [
    {"resourceType": "RiskAssessment", "id": "r100", "status": "final", "subject": {"reference": "Patient/eve"},
     "prediction": [{"probabilityDecimal": 0.8}]},
    {"resourceType": "RiskAssessment", "id": "range", "status": "final", "subject": {"reference": "Patient/bare"},
     "prediction": [{"probabilityRange": {"low": {"value": 0.1}, "high": {"value": 0.3}}}]},
    {"resourceType": "ValueSet", "id": "v1", "status": "active",
     "url": "http://acme.org/fhir/ValueSet/123", "version": "1"},
    {"resourceType": "ValueSet", "id": "v2", "status": "active",
     "url": "http://acme.org/fhir/ValueSet/123", "version": "2"},
    {"resourceType": "ValueSet", "id": "v3", "status": "active", "url": "http://acme.org/fhir/ValueSet/1234"},
    {"resourceType": "ValueSet", "id": "oid", "status": "active", "url": "urn:oid:1.2.3.4.5"},
    {"resourceType": "QuestionnaireResponse", "id": "q1", "status": "completed", "questionnaire": "http://q|1.0"},
    {"resourceType": "QuestionnaireResponse", "id": "q2", "status": "completed", "questionnaire": "http://q"},
    {"resourceType": "Group", "id": "eve", "type": "person", "actual": True,
     "characteristic": [
         {"code": {"coding": [{"code": "gender"}]}, "exclude": False,
          "valueCodeableConcept": {"coding": [{"code": "mixed"}]}},
         {"code": {"coding": [{"code": "owner"}]}, "valueBoolean": True, "exclude": False}]},
    {"resourceType": "MolecularSequence", "id": "seq", "coordinateSystem": 0,
     "referenceSeq": {"chromosome": {"coding": [{"code": "1"}]}, "windowStart": 5, "windowEnd": 9},
     "variant": [{"start": 6, "end": 7}, {"start": 8, "end": 9}]},
]  # fmt: skip


@pytest.fixture
async def filled(store: TenantStore) -> TenantStore:
    """A store with the resources above, and one more that is deleted."""
    await store.write([write(tree) for tree in (*PATIENTS, *OBSERVATIONS, *OTHERS)])
    await store.write([write(patient("gone", gender="female", birthDate="1980-03-14"))])
    await store.write([deletion("Patient/gone")])
    return store


TOKEN = {
    "Patient?gender=female": "eve evelyn",
    "Patient?gender=female,other": "eve evelyn severine",
    "Patient?gender=http://hl7.org/fhir/administrative-gender|female": "eve evelyn",
    "Patient?gender=http://hl7.org/fhir/administrative-gender|": "eve evelyn severine",
    "Patient?gender=http://wrong|female": "",
    "Patient?gender=|female": "",
    "Patient?gender=FEMALE": "",
    "Patient?gender:not=female": "severine bare",
    "Patient?gender:not=female,other": "bare",
    "Patient?gender:missing=true": "bare",
    "Patient?gender:missing=false": "eve evelyn severine",
    "Patient?active=true": "eve",
    "Patient?active=false": "evelyn",
    "Patient?active:not=true": "evelyn severine bare",
    "Patient?identifier=Abc-1": "eve evelyn",
    "Patient?identifier=abc-1": "severine",
    "Patient?identifier=http://mrn|Abc-1": "eve",
    "Patient?identifier=|Abc-1": "evelyn",
    "Patient?identifier=http://mrn|": "eve",
    "Patient?identifier=http://mrn|abc-1": "",
    "Patient?identifier:of-type=http://types|MR|Abc-1": "eve",
    "Patient?identifier:of-type=http://types|X|Abc-1": "eve",
    "Patient?identifier:of-type=http://types|Y|Abc-1": "",
    "Patient?identifier:not=Abc-1": "severine bare",
    "Patient?identifier=http://mrn|Abc-1,http://other|abc-1": "eve severine",
    "Patient?identifier=Abc-1&gender=female&active=false": "evelyn",
    "Patient?email=eve@example.org": "eve",
    "Patient?telecom=eve@example.org": "eve severine",
    "Patient?phone=%2B250 788": "eve",
    "Patient?deceased=true": "evelyn",
    "Patient?deceased=false": "eve severine bare",
    "Patient?_tag=http://tags|t1": "eve",
    "Patient?_tag:not=t1": "evelyn severine bare",
    "Patient?_security=http://sec|R": "evelyn",
    f"Observation?code={LOINC}|A": "mg mg2",
    "Observation?code=A,B": "mg mg2 g text",
    "Observation?code:missing=true": "",
    "Observation?code:not=A": "bp g text none coded timed",
    "Observation?status=amended": "mg",
    "Observation?component-code=8480-6": "bp",
    "Observation?combo-code=8480-6": "bp",
    "Observation?combo-code=A": "mg mg2",
    "Observation?value-concept=yes": "coded",
    "ValueSet?version=1": "v1",
    "Group?value=mixed": "eve",
    "Group?value=true": "eve",
}
STRING = {
    "Patient?given=eve": "eve evelyn",
    "Patient?given=EVE": "eve evelyn",
    "Patient?given=ann": "eve",
    "Patient?given:contains=eve": "eve evelyn severine",
    "Patient?given:exact=Eve": "eve",
    "Patient?given:exact=eve": "",
    "Patient?given:exact=Severine": "",
    "Patient?given:exact=Séverine": "severine",
    "Patient?family=muller": "eve",
    "Patient?family=müller lüd": "eve",
    "Patient?family=MULLER-LUDENSCHEIDT": "eve",
    "Patient?family=lüdenscheidt": "eve",
    "Patient?family=denscheidt": "",
    "Patient?family:contains=lüdenscheidt": "eve",
    "Patient?family=obrien": "evelyn severine",
    "Patient?family=O'Brien": "evelyn severine",
    "Patient?name=evelyn o": "evelyn",
    "Patient?name=o'b,müll": "eve evelyn severine",
    "Patient?name=eve&name=ann": "eve",
    "Patient?name=-": "",
    "Patient?name:missing=true": "bare",
    "Observation?value-string=red": "text",
    "Observation?value-string=definitely": "coded",
}
DATE = {
    "Patient?birthdate=1980-03-14": "eve",
    "Patient?birthdate=1980-03": "eve evelyn",
    "Patient?birthdate=1980": "eve evelyn severine",
    "Patient?birthdate=ne1980-03": "severine",
    "Patient?birthdate=gt1980-03-14": "evelyn severine",
    "Patient?birthdate=ge1980-03-14": "eve evelyn severine",
    "Patient?birthdate=lt1980-03-14": "evelyn severine",
    "Patient?birthdate=sa1980-02": "eve evelyn",
    "Patient?birthdate=eb1980-04": "eve evelyn",
    "Patient?birthdate=ap1980-03-14": "eve evelyn severine",
    "Patient?birthdate:missing=true": "bare",
    "Patient?death-date=2020": "evelyn",
    "Observation?date=2013-01-14": "bp mg",
    "Observation?date=eq2013-01-14": "bp mg",
    "Observation?date=2013-01-14T10:00:00Z": "bp",
    "Observation?date=2013-01-14T12:00:00%2B02:00": "bp",
    "Observation?date=2013-01-14T12:00:00+02:00": "bp",
    "Observation?date=ne2013-01-14": "mg2 g text none timed",
    "Observation?date=lt2013-01-14T10:00Z": "mg text none",
    "Observation?date=gt2013-01-14T10:00Z": "mg mg2 g text timed",
    "Observation?date=ge2013-03-14": "g timed",
    "Observation?date=le2013-01-20": "bp mg mg2 text none",
    "Observation?date=sa2013-01-14": "mg2 g timed",
    "Observation?date=eb2013-01-14": "none",
    "Observation?date=ge2013-01-10&date=le2013-01-14": "bp mg text none",
    "Observation?date=2013-01-15,2013-01-14T10:00:00Z": "bp mg2",
    "Observation?date=lt2014-05-02&date=gt2014-05-10": "g timed",
    "Observation?date:missing=true": "coded",
}
NUMBER = {
    "RiskAssessment?probability=0.8": "r100",
    "RiskAssessment?probability=0.75": "",
    "RiskAssessment?probability=1": "r100",
    "RiskAssessment?probability=gt0.8": "",
    "RiskAssessment?probability=ge0.8": "r100",
    "RiskAssessment?probability=gt8e-2": "r100 range",
    "RiskAssessment?probability=lt0.2": "range",
    "RiskAssessment?probability=ap0.85": "r100",
    "RiskAssessment?probability=ne0.8": "range",
    "MolecularSequence?variant-start=6": "seq",
    "MolecularSequence?variant-start=7": "",
}
QUANTITY = {
    f"Observation?value-quantity=5.4|{UCUM}|mg": "mg mg2",
    f"Observation?value-quantity=5.40|{UCUM}|mg": "mg",
    "Observation?value-quantity=5.4": "mg mg2",
    "Observation?value-quantity=5.4||mg": "mg mg2",
    "Observation?value-quantity=5.45||gram": "g",
    "Observation?value-quantity=5.45||g": "g",
    f"Observation?value-quantity=5.45|{UCUM}|gram": "",
    f"Observation?value-quantity=gt5.4|{UCUM}|mg": "mg2 g",
    f"Observation?value-quantity=5450|{UCUM}|mg": "g",
    f"Observation?value-quantity=ne5450|{UCUM}|mg": "mg mg2",
    f"Observation?value-quantity=gt0.0054|{UCUM}|g,5.4|{UCUM}|mg": "mg mg2 g",
    f"Observation?status=amended&value-quantity=0.0054|{UCUM}|g": "mg",
    f"Observation?code-value-quantity=A$0.00540|{UCUM}|g,B$gt1|{UCUM}|mg": "mg g",
    f"Observation?code=A&code-value-quantity=A$0.0054|{UCUM}|g": "mg mg2",
    f"Observation?value-quantity=le5.44|{UCUM}|mg": "mg mg2",
    "Observation?value-quantity=ne5.4||mg": "",
    f"Observation?value-quantity=ap5|{UCUM}|mg": "mg mg2",
    "Observation?value-quantity=18||mV": "timed",
    "Observation?value-quantity=lt5||mV": "timed",
    "Observation?combo-value-quantity=ge120||mmHg": "bp",
    "Observation?component-value-quantity=lt100": "bp",
    "Observation?value-quantity:missing=false": "mg mg2 g timed",
}
REFERENCE = {
    "Observation?subject=Patient/eve": "bp",
    "Observation?subject=http://server/fhir/Patient/eve": "bp",
    "Observation?subject=eve": "bp coded",
    "Observation?subject:Group=eve": "coded",
    "Observation?patient=eve": "bp",
    "Observation?patient=Patient/eve": "bp",
    "Observation?patient=Group/eve": "",
    "Observation?subject=http://other/fhir/Patient/eve": "timed",
    "Observation?patient=http://other/fhir/Patient/eve": "timed",
    "Observation?subject:missing=true": "mg mg2 g text none",
    "Patient?general-practitioner=Practitioner/p1": "eve",
    "Patient?general-practitioner=p1": "eve evelyn",
    "Patient?general-practitioner:Organization=p1": "evelyn",
    "Patient?general-practitioner=Practitioner/p1,Organization/p1": "eve evelyn",
    "Patient?organization:identifier=http://orgs|7": "eve",
    "Patient?organization:identifier=7": "eve",
    "Patient?organization:identifier=|7": "",
    "Patient?organization:identifier=http://orgs|": "eve",
    "Patient?organization:missing=false": "eve",
    "QuestionnaireResponse?questionnaire=http://q": "q1 q2",
    "QuestionnaireResponse?questionnaire=http://q|1.0": "q1",
    "QuestionnaireResponse?questionnaire=http://q|2.0": "",
}
URI = {
    "ValueSet?url=http://acme.org/fhir/ValueSet/123": "v1 v2",
    "ValueSet?url=http://ACME.org/fhir/ValueSet/123": "",
    "ValueSet?url=http://acme.org/fhir/ValueSet/123|2": "v2",
    "ValueSet?url=urn:oid:1.2.3.4.5": "oid",
    "ValueSet?url:below=http://acme.org/fhir/": "v1 v2 v3",
    "ValueSet?url:below=http://acme.org/fhir/ValueSet/123": "v1 v2 v3",
    "ValueSet?url:above=http://acme.org/fhir/ValueSet/123/_history/5": "v1 v2",
    "Patient?_profile=http://profiles/p": "eve",
    "Patient?_profile=http://profiles/p|1.0": "eve",
    "Patient?_profile=http://profiles/p|2.0": "",
    "Patient?_source=http://source/1": "evelyn",
}
COMPOSITE = {
    f"Observation?component-code-value-quantity={LOINC}|8480-6$gt100": "bp",
    f"Observation?component-code-value-quantity={LOINC}|8480-6$lt100": "",
    f"Observation?component-code-value-quantity=8462-4$80|{UCUM}|mm[Hg]": "bp",
    "Observation?combo-code-value-quantity=8480-6$120,A$5.44": "bp mg2",
    "Observation?code-value-quantity=A$lt5.42": "mg",
    "Observation?code-value-string=B$red": "text",
    "Observation?code-value-concept=C$yes": "coded",
    "Group?characteristic-value=gender$mixed": "eve",
    "Group?characteristic-value=owner$mixed": "",
    "Group?characteristic-value=owner$mixed,owner$true": "eve",
    "MolecularSequence?chromosome-variant-coordinate=1$gt7$lt10": "seq",
    "MolecularSequence?chromosome-variant-coordinate=1$6$9": "",
}
COMMON = {
    "Patient?": "eve evelyn severine bare",
    "Patient?_id=eve": "eve",
    "Patient?_id=eve,bare,nobody": "eve bare",
    "Patient?_lastUpdated=gt2001": "eve evelyn severine bare",
    "Patient?_lastUpdated=lt2001": "",
    "Patient?_lastUpdated=lt2001,gt2002": "eve evelyn severine bare",
    "?_id=eve": "eve",
    "?_tag=t1": "eve",
    "?_type=Patient,Group&_id=eve,mg": "eve",
    "Patient,Observation?_id=eve,mg,v1": "eve mg",
    "Observation,QuestionnaireResponse?status=amended,completed": "mg q1 q2",
    "Observation,QuestionnaireResponse?status:not=final": "mg q1 q2",
    "Observation,RiskAssessment?subject=Patient/eve": "bp r100",
    "Observation,RiskAssessment?subject:missing=true": "mg mg2 g text none",
}


@pytest.mark.parametrize(
    ("url", "ids"),
    [
        pytest.param(url, ids, id=url)
        for cases in (TOKEN, STRING, DATE, NUMBER, QUANTITY, REFERENCE, URI, COMPOSITE, COMMON)
        for url, ids in cases.items()
    ],
)
async def test_search_finds(filled: TenantStore, url: str, ids: str) -> None:
    assert await found(filled, url) == set(ids.split())
