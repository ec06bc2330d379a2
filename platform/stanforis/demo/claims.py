"""Synthetic claims and the payer's answer to them.

Spec: https://hl7.org/fhir/R4/financial-module.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from stanforis.demo.clinical import shown
from stanforis.demo.concepts import Concept
from stanforis.demo.elements import TERMINOLOGY, Tree, codeable, money, period, term
from stanforis.demo.record import Visit

BLUE_BUTTON = "https://bluebutton.cms.gov/resources/"
"""Where the codes live with which Medicare explains its payments."""
_PLACES = (("21", "Inpatient Hospital"), ("19", "Off Campus-Outpatient Hospital"), ("20", "Urgent Care Facility"))
_PAYERS = ("Mutuelle de Santé", "RSSB", "MMI", "Medicare", "Medicaid", "NO_INSURANCE", "Aetna")


@dataclass(frozen=True, slots=True)
class Items:
    """What is charged for at one visit, each by reference and concept."""

    visit_type: Concept
    diagnoses: Sequence[tuple[str, Concept]] = ()
    procedures: Sequence[tuple[str, Concept]] = ()
    immunizations: Sequence[tuple[str, Concept]] = ()


def claim(visit: Visit, items: Items) -> str:
    """Add the Claim of a visit."""
    payer = visit.record.one_of(_PAYERS)
    tree = _claim_head(visit, "institutional", payer)
    tree["supportingInfo"] = _listed(items.immunizations, "valueReference")
    tree["diagnosis"] = _listed(items.diagnoses, "diagnosisReference")
    tree["procedure"] = _listed(items.procedures, "procedureReference")
    tree["insurance"] = [{"sequence": 1, "focal": True, "coverage": {"display": payer}}]
    tree["item"] = _claim_items(visit, items)
    tree["total"] = money(visit.record.chance.choice((129.16, 125, 77.49, 1500.5)), visit.record.style.currency)
    return visit.record.add("Claim", None, tree)


def pharmacy_claim(visit: Visit, prescription: str, medicine: Concept) -> str:
    """Add the Claim of a dispensed prescription."""
    payer = visit.record.one_of(_PAYERS)
    tree = _claim_head(visit, "pharmacy", payer)
    tree["prescription"] = {"reference": prescription}
    tree["insurance"] = [{"sequence": 1, "focal": True, "coverage": {"display": payer}}]
    tree["item"] = [
        {"sequence": 1, "productOrService": codeable(medicine), "encounter": [{"reference": visit.encounter}]}
    ]
    tree["total"] = money(round(visit.record.chance.uniform(3, 300), 2), visit.record.style.currency)
    return visit.record.add("Claim", None, tree)


def _claim_head(visit: Visit, kind: str, payer: str) -> Tree:
    record = visit.record
    return {
        "status": "active",
        "type": term("claim-type", kind),
        "use": "claim",
        "patient": shown(record, visit.patient),
        "billablePeriod": period(visit.at, visit.until),
        "created": visit.until,
        "insurer": {"display": payer} if record.style.profiles else None,
        "provider": shown(record, visit.organization),
        "priority": term("processpriority", "normal"),
    }


def _listed(charged: Sequence[tuple[str, Concept]], element: str) -> list[Tree] | None:
    """Number the references from 1; None for none."""
    category: Tree = {"category": term("claiminformationcategory", "info")} if element == "valueReference" else {}
    return [
        {"sequence": number, **category, element: {"reference": reference}}
        for number, (reference, _) in enumerate(charged, 1)
    ] or None


def _claim_items(visit: Visit, items: Items) -> list[Tree]:
    listed: list[Tree] = [
        {"sequence": 1, "productOrService": codeable(items.visit_type), "encounter": [{"reference": visit.encounter}]}
    ]
    charged = (
        ("informationSequence", items.immunizations, True),
        ("diagnosisSequence", items.diagnoses, False),
        ("procedureSequence", items.procedures, True),
    )
    for element, group, has_price in charged:
        for number, (_, concept) in enumerate(group, 1):
            item: Tree = {"sequence": len(listed) + 1, element: [number], "productOrService": codeable(concept)}
            if has_price:
                item["net"] = money(round(visit.record.chance.uniform(140, 12000), 2), visit.record.style.currency)
            listed.append(item)
    return listed


def explanation_of_benefit(visit: Visit, claimed: str, items: Items) -> str:
    """Add the payer's ExplanationOfBenefit for a Claim."""
    record = visit.record
    payer = record.one_of(_PAYERS)
    claim_id = claimed.rpartition(":")[2].rpartition("/")[2]
    tree: Tree = {
        "contained": _contained(visit, payer),
        "identifier": [
            {"system": f"{BLUE_BUTTON}variables/clm_id", "value": claim_id},
            {"system": f"{BLUE_BUTTON}identifier/claim-group", "value": "99999999999"},
        ],
        "status": "active",
        "type": term("claim-type", "institutional"),
        "use": "claim",
        "patient": {"reference": visit.patient.reference},
        "billablePeriod": period(visit.until, record.moment(visit.start + timedelta(days=366))),
        "created": visit.until,
        "insurer": {"display": payer},
        "provider": {"reference": visit.practitioner.reference},
        "referral": {"reference": "#referral"},
        "facility": shown(record, visit.location) if record.style.profiles else None,
        "claim": {"reference": claimed},
        "outcome": "complete",
        "careTeam": [
            {
                "sequence": 1,
                "provider": {"reference": visit.practitioner.reference},
                "role": term("claimcareteamrole", "primary", "Primary Care Practitioner"),
            }
        ],
        "diagnosis": [
            {
                "sequence": number,
                "diagnosisReference": {"reference": reference},
                "type": [term("ex-diagnosistype", "principal")],
            }
            for number, (reference, _) in enumerate(items.diagnoses, 1)
        ]
        or None,
        "insurance": [{"focal": True, "coverage": {"reference": "#coverage", "display": payer}}],
        "item": _benefit_items(visit, items),
        "total": [
            {
                "category": _coded(
                    "https://bluebutton.cms.gov/resources/codesystem/adjudication"
                    if record.style.profiles
                    else f"{TERMINOLOGY}adjudication",
                    "submitted",
                    "Submitted Amount",
                )
                | {"text": "Submitted Amount"},
                "amount": money(129.16, record.style.currency),
            }
        ],
        "payment": {"amount": money(round(record.chance.uniform(0, 900), 2), record.style.currency)},
    }
    return record.add("ExplanationOfBenefit", None, tree)


def _contained(visit: Visit, payer: str) -> list[Tree]:
    """Return the referral and the coverage, which exist only inside the benefit."""
    patient, practitioner = {"reference": visit.patient.reference}, {"reference": visit.practitioner.reference}
    referral = {
        "resourceType": "ServiceRequest",
        "id": "referral",
        "status": "completed",
        "intent": "order",
        "subject": patient,
        "requester": practitioner,
        "performer": [practitioner],
    }
    coverage = {
        "resourceType": "Coverage",
        "id": "coverage",
        "status": "active",
        "type": {"text": payer},
        "beneficiary": patient,
        "payor": [{"display": payer}],
    }
    return [referral, coverage]


def _coded(system: str, code: str, display: str) -> Tree:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _variable(name: str, code: str, display: str) -> Tree:
    return _coded(f"{BLUE_BUTTON}variables/{name}", code, display)


_AMOUNTS = (
    ("line_coinsrnc_amt", "Line Beneficiary Coinsurance Amount"),
    ("line_prcsg_ind_cd", "Line Processing Indicator Code"),
    ("line_sbmtd_chrg_amt", "Line Submitted Charge Amount"),
    ("line_alowd_chrg_amt", "Line Allowed Charge Amount"),
    ("line_bene_ptb_ddctbl_amt", "Line Beneficiary Part B Deductible Amount"),
    ("line_nch_pmt_amt", "Line Provider Payment Amount"),
)


def _adjudication(visit: Visit) -> list[Tree]:
    chance, currency = visit.record.chance, visit.record.style.currency
    steps: list[Tree] = []
    for name, display in _AMOUNTS:
        url = f"{BLUE_BUTTON}variables/{name}"
        step: Tree = {"category": _coded(f"{BLUE_BUTTON}codesystem/adjudication", url, display)}
        if name == "line_prcsg_ind_cd":
            step["reason"] = _variable(name, "A", "Allowed")
        else:
            step["amount"] = money(round(chance.uniform(10, 3000), chance.choice((2, 2, 5))), currency)
        steps.append(step)
    return steps


def _benefit_items(visit: Visit, items: Items) -> list[Tree]:
    service = _variable("line_cms_type_srvc_cd", "1", "Medical care")
    place = term("ex-serviceplace", *visit.record.one_of(_PLACES))
    listed = []
    for item in _claim_items(visit, items):
        sequences = {name: value for name, value in item.items() if name.endswith("equence")}
        tree: Tree = {
            **sequences,
            "category": service,
            "productOrService": item["productOrService"],
            "servicedPeriod": period(visit.at, visit.until),
            "locationCodeableConcept": place,
        }
        if "net" in item:
            tree |= {"net": item["net"], "adjudication": _adjudication(visit)}
        if "encounter" in item:
            tree["encounter"] = item["encounter"]
        listed.append(tree)
    return listed
