"""What happens during a synthetic visit, one function for each resource type.

Spec: https://hl7.org/fhir/R4/clinicalsummary-module.html
"""

from __future__ import annotations

from datetime import timedelta

from stanforis.demo.concepts import LOINC, SNOMED, Concept, Measurement, Panel
from stanforis.demo.elements import TERMINOLOGY, Tree, codeable, coding, narrative, period, quantity, refer, term
from stanforis.demo.measurements import BLOOD_PRESSURE, DIASTOLIC, SYSTOLIC
from stanforis.demo.record import Party, Record, Visit
from stanforis.demo.vocabulary import ALLERGIES, ESSENTIAL_MEDICINES, MEDICATIONS, PLANS, PROCEDURES, VACCINES


def shown(record: Record, party: Party) -> Tree:
    """Return a Reference, with the party's name where the style writes names."""
    return refer(party.reference, party.name if record.style.profiles else None)


def encounter(
    visit_type: Concept,
    record: Record,
    patient: Party,
    practitioner: Party,
    organization: Party,
    location: Party,
    start: str,
    end: str,
    reason: Concept | None,
) -> str:
    """Add the Encounter and return its reference."""
    rich = record.style.profiles
    participant: Tree = {"individual": shown(record, practitioner)}
    if rich:
        kind = {"type": [term("v3-ParticipationType", "PPRF", "primary performer") | {"text": "primary performer"}]}
        participant = kind | {"period": period(start, end)} | participant
    patient_class = record.one_of(("AMB", "AMB", "EMER", "IMP", "WELLNESS" if not rich else "VR"))
    tree: Tree = {
        "identifier": [
            {
                "use": "official",
                "system": "https://records.example.org/visits",
                "value": f"{record.chance.getrandbits(48):012x}",
            }
        ]
        if rich
        else None,
        "status": "finished",
        "class": {"system": f"{TERMINOLOGY}v3-ActCode", "code": patient_class},
        "type": [codeable(visit_type)],
        "subject": shown(record, patient),
        "participant": [participant],
        "period": period(start, end),
        "reasonCode": [{"coding": [coding(reason)]}] if reason else None,
        "location": [{"location": shown(record, location)}] if rich else None,
        "serviceProvider": shown(record, organization),
    }
    return record.add("Encounter", "us-core-encounter", tree)


def condition(visit: Visit, concept: Concept) -> str:
    """Add a Condition found at the visit."""
    record = visit.record
    resolved = record.happens(0.5)
    abatement = record.moment(visit.start + timedelta(days=record.chance.randrange(5, 90)))
    tree: Tree = {
        "clinicalStatus": term("condition-clinical", "resolved" if resolved else "active"),
        "verificationStatus": term("condition-ver-status", "confirmed"),
        "category": [term("condition-category", "encounter-diagnosis", "Encounter Diagnosis")]
        if record.style.profiles
        else None,
        "code": codeable(concept),
        "subject": {"reference": visit.patient.reference},
        "encounter": {"reference": visit.encounter},
        "onsetDateTime": visit.at,
        "abatementDateTime": abatement if resolved else None,
        "recordedDate": visit.at,
    }
    return record.add("Condition", "us-core-condition", tree)


def measured(record: Record, measurement: Measurement) -> Tree:
    """Return a Quantity in the usual range, with as many digits as the style's devices write."""
    value = record.chance.uniform(measurement.low, measurement.high)
    if record.style.country == "RW" or record.style.profiles:
        value = round(value, measurement.digits)
    return quantity(value if measurement.digits else float(int(value)), measurement.unit)


def observation(visit: Visit, category: str, concept: Concept, value: Tree, profile: str | None = None) -> str:
    """Add an Observation; *value* holds ``value[x]`` or ``component``."""
    record = visit.record
    tree: Tree = {
        "status": "final",
        "category": [term("observation-category", category, _TITLES[category] if record.style.profiles else category)],
        "code": codeable(concept),
        "subject": {"reference": visit.patient.reference},
        "encounter": {"reference": visit.encounter},
        "effectiveDateTime": visit.at,
        "issued": visit.issued,
        "performer": [{"reference": visit.practitioner.reference}] if record.style.country == "RW" else None,
        **value,
    }
    return record.add("Observation", profile, tree)


_TITLES = {
    "vital-signs": "Vital signs",
    "laboratory": "Laboratory",
    "survey": "Survey",
    "procedure": "Procedure",
    "social-history": "Social History",
    "exam": "Exam",
    "imaging": "Imaging",
    "therapy": "Therapy",
}


def vital_sign(visit: Visit, measurement: Measurement) -> str:
    """Add a vital sign."""
    value = {"valueQuantity": measured(visit.record, measurement)}
    return observation(visit, "vital-signs", measurement.concept, value, "us-core-vital-signs")


def blood_pressure(visit: Visit) -> str:
    """Add a blood pressure: two components."""
    record = visit.record
    parts = ((SYSTOLIC, DIASTOLIC), (DIASTOLIC, SYSTOLIC))[record.style.country == "US"]
    components = [{"code": codeable(part.concept), "valueQuantity": measured(record, part)} for part in parts]
    panel = record.one_of(BLOOD_PRESSURE)
    return observation(visit, "vital-signs", panel, {"component": components}, "us-core-blood-pressure")


def coded_finding(visit: Visit, category: str, concept: Concept, answers: tuple[Concept, ...]) -> str:
    """Add an Observation whose value is a concept."""
    value = {"valueCodeableConcept": codeable(visit.record.one_of(answers))}
    return observation(visit, category, concept, value, "us-core-smokingstatus" if category == "survey" else None)


def survey(visit: Visit, concept: Concept, questions: tuple[tuple[Concept, Concept], ...]) -> str:
    """Add an Observation with a component for each question."""
    components = [{"code": codeable(asked), "valueCodeableConcept": codeable(answer)} for asked, answer in questions]
    return observation(visit, "survey", concept, {"component": components})


def report(visit: Visit, panel: Panel) -> str:
    """Add a laboratory DiagnosticReport and the Observations it lists."""
    record = visit.record
    results = []
    for member in panel.members:
        value: Tree = {"valueQuantity": measured(record, member)}
        if record.style.country == "RW":
            bounds = {"low": quantity(member.low, member.unit), "high": quantity(member.high, member.unit)}
            value["referenceRange"] = [bounds]
        reference = observation(visit, "laboratory", member.concept, value, "us-core-observation-lab")
        results.append(refer(reference, member.concept.display))
    tree: Tree = {
        "status": "final",
        "category": [term("v2-0074", "LAB", "Laboratory")],
        "code": codeable(panel.concept),
        "subject": {"reference": visit.patient.reference},
        "encounter": {"reference": visit.encounter},
        "effectiveDateTime": visit.at,
        "issued": visit.issued,
        "performer": [shown(record, visit.organization)] if record.style.profiles else None,
        "result": results,
    }
    return record.add("DiagnosticReport", "us-core-diagnosticreport-lab", tree)


def procedure(visit: Visit, reason: str | None) -> tuple[str, Concept]:
    """Add a Procedure; return its reference and what was done."""
    record = visit.record
    concept = record.one_of(PROCEDURES)
    tree: Tree = {
        "status": "completed",
        "code": codeable(concept),
        "subject": {"reference": visit.patient.reference},
        "encounter": {"reference": visit.encounter},
        "performedPeriod": period(visit.at, visit.until),
        "location": shown(record, visit.location) if record.style.profiles else None,
        "reasonReference": [refer(reason, "Reason" if record.style.profiles else None)] if reason else None,
    }
    return record.add("Procedure", "us-core-procedure", tree), concept


def medication_request(visit: Visit, reason: str | None) -> tuple[str, Concept]:
    """Add a MedicationRequest; return its reference and the medicine."""
    record = visit.record
    concept = record.one_of(ESSENTIAL_MEDICINES if record.style.country == "RW" else MEDICATIONS)
    tree: Tree = {
        "status": record.one_of(("stopped", "active", "completed")),
        "intent": "order",
        "category": [term("medicationrequest-category", "community", "Community") | {"text": "Community"}]
        if record.style.profiles
        else None,
        "medicationCodeableConcept": codeable(concept),
        "subject": {"reference": visit.patient.reference},
        "encounter": {"reference": visit.encounter},
        "authoredOn": visit.at,
        "requester": shown(record, visit.practitioner),
        "reasonReference": [{"reference": reason}] if reason else None,
        "dosageInstruction": [_dosage(record)] if record.happens(0.6) else None,
    }
    return record.add("MedicationRequest", "us-core-medicationrequest", tree), concept


def _dosage(record: Record) -> Tree:
    if record.happens(0.3):
        as_needed = Concept(SNOMED, "418914006", "Take as needed")
        extra: Tree = {"additionalInstruction": [codeable(as_needed)]} if record.happens(0.4) else {}
        return {"sequence": 1, "text": "Take as needed.", **extra, "asNeededBoolean": True}
    ordered = {"type": term("dose-rate-type", "ordered", "Ordered")}
    return {
        "sequence": 1,
        "timing": {"repeat": {"frequency": record.one_of((1, 2, 3)), "period": 1.0, "periodUnit": "d"}},
        "asNeededBoolean": False,
        "doseAndRate": [ordered | {"doseQuantity": {"value": 1.0}}],
    }


def immunization(visit: Visit) -> tuple[str, Concept]:
    """Add an Immunization; return its reference and the vaccine."""
    record = visit.record
    concept = record.one_of(VACCINES)
    tree: Tree = {
        "status": "completed",
        "vaccineCode": codeable(concept),
        "patient": {"reference": visit.patient.reference},
        "encounter": {"reference": visit.encounter},
        "occurrenceDateTime": visit.at,
        "primarySource": True,
        "location": shown(record, visit.location) if record.style.profiles else None,
        "lotNumber": f"LOT{record.chance.randrange(10**5):05d}" if record.style.country == "RW" else None,
    }
    return record.add("Immunization", "us-core-immunization", tree), concept


def allergy(visit: Visit) -> str:
    """Add an AllergyIntolerance."""
    record = visit.record
    tree: Tree = {
        "clinicalStatus": term("allergyintolerance-clinical", "active"),
        "verificationStatus": term("allergyintolerance-verification", "confirmed"),
        "type": "allergy",
        "category": [record.one_of(("food", "environment"))],
        "criticality": record.one_of(("low", "high")),
        "code": codeable(record.one_of(ALLERGIES)),
        "patient": {"reference": visit.patient.reference},
        "recordedDate": visit.at,
    }
    return record.add("AllergyIntolerance", "us-core-allergyintolerance", tree)


def care_plan(visit: Visit, treated: Concept, reason: str) -> str:
    """Add a CarePlan with the Goals it pursues."""
    record = visit.record
    plan, activities = record.one_of(PLANS)
    status = record.one_of(("in-progress", "completed"))
    goals = [goal(visit, text) for text in _GOALS[: record.chance.randrange(3)]]
    details = [
        {
            "detail": {"code": codeable(activity), "status": status}
            | ({"location": shown(record, visit.location)} if record.style.profiles else {})
        }
        for activity in activities
    ]
    items = "".join(f"<li>{activity.display}</li>" for activity in activities)
    meant = f"Care plan is meant to treat {treated.display}."
    summary = f"Care Plan for {plan.display}.<br/>Activities: <ul>{items}</ul><br/>{meant}"
    tree: Tree = {
        "text": narrative(summary),
        "status": "active" if status == "in-progress" else "completed",
        "intent": "order",
        "category": [codeable(plan)],
        "subject": {"reference": visit.patient.reference},
        "encounter": {"reference": visit.encounter},
        "period": period(visit.at, None if status == "in-progress" else visit.until),
        "addresses": [{"reference": reason}],
        "goal": [{"reference": reference} for reference in goals] or None,
        "activity": details,
    }
    return record.add("CarePlan", "us-core-careplan", tree)


_GOALS = (
    "Hemoglobin A1c total in Blood < 7.0",
    "Maintain blood pressure below 140/90 mm[Hg]",
    "Glucose [Mass/volume] in Blood < 108",
    "Address patient knowledge deficit on self-monitoring",
    "Improve and maintenance of optimal foot health: aim at early detection of peripheral vascular problems",
)


def goal(visit: Visit, text: str) -> str:
    """Add a Goal."""
    tree: Tree = {
        "lifecycleStatus": "accepted",
        "achievementStatus": term("goal-achievement", "in-progress"),
        "description": {"text": text},
        "subject": {"reference": visit.patient.reference},
    }
    return visit.record.add("Goal", "us-core-goal", tree)


def imaging_study(visit: Visit) -> str:
    """Add an ImagingStudy of one series and one instance."""
    record = visit.record
    uid = f"urn:oid:1.2.840.99999999.{record.chance.randrange(10**8)}.{record.chance.randrange(10**12)}"
    modality = {
        "system": "http://dicom.nema.org/resources/ontology/DCM",
        "code": "DX",
        "display": "Digital Radiography",
    }
    chest = coding(Concept(SNOMED, "51185008", "Thoracic structure (body structure)"))
    storage = {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.840.10008.5.1.4.1.1.1.1"}
    tree: Tree = {
        "identifier": [{"use": "official", "system": "urn:dicom:uid", "value": uid}],
        "status": "available",
        "subject": {"reference": visit.patient.reference},
        "encounter": {"reference": visit.encounter},
        "started": visit.at,
        "numberOfSeries": 1,
        "numberOfInstances": 1,
        "series": [
            {
                "uid": uid.removeprefix("urn:oid:") + ".1",
                "number": 1,
                "modality": modality,
                "numberOfInstances": 1,
                "bodySite": chest,
                "started": visit.at,
                "instance": [
                    {
                        "uid": uid.removeprefix("urn:oid:") + ".1.1",
                        "sopClass": storage,
                        "number": 1,
                        "title": "Image of chest",
                    }
                ],
            }
        ],
    }
    return record.add("ImagingStudy", None, tree)


def document(visit: Visit) -> str:
    """Add a DocumentReference that carries a short note."""
    record = visit.record
    note = codeable(Concept(LOINC, "34117-2", "History and physical note"), text=False)
    content = {"contentType": "text/plain; charset=utf-8", "data": "Q2hpZWYgY29tcGxhaW50OiBub25lLgo="}
    layout = {
        "system": "http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem",
        "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient",
        "display": "mimeType Sufficient",
    }
    tree: Tree = {
        "status": "current",
        "type": note,
        "subject": {"reference": visit.patient.reference},
        "date": visit.issued,
        "author": [shown(record, visit.practitioner)],
        "custodian": shown(record, visit.organization),
        "content": [{"attachment": content, "format": layout}],
        "context": {"encounter": [{"reference": visit.encounter}], "period": period(visit.at, visit.until)},
    }
    return record.add("DocumentReference", "us-core-documentreference", tree)
