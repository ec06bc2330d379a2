"""Synthetic records of any size, the same for the same seed.

Used by benchmarks, by tests, and to train the dictionary under which bodies are stored. The people are made by chance;
the shapes are those that common record systems export.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from random import Random

import orjson

from stanforis.demo import claims, clinical, people
from stanforis.demo.concepts import LOINC, Concept
from stanforis.demo.elements import Tree
from stanforis.demo.measurements import CODED_FINDINGS, PANELS, SINGLE_TESTS, VITAL_SIGNS
from stanforis.demo.record import STYLES, Party, Record, Style, Visit
from stanforis.demo.vocabulary import CONDITIONS, VISITS

_LAST_DAY = datetime(2026, 6, 30, tzinfo=UTC)
_SURVEY = Concept(LOINC, "76504-0", "Total score [HARK]")


def record(chance: Random, style: Style, visits: int, *, relative: bool = False) -> list[Tree]:
    """Return one patient's resources; each comes after those it refers to.

    Args:
        chance: where all that varies comes from.
        style: how the exporting system writes.
        visits: encounters in the record; each brings about eight to ten further resources.
        relative: references read ``Type/id``; otherwise ``urn:uuid:id``, as inside a transaction.
    """
    grown = Record(chance, style, relative)
    organization = people.organization(grown)
    location = people.location(grown, organization)
    practitioner = people.practitioner(grown)
    born = people.birth_date(chance)
    patient = people.patient(grown, born, None)
    first = datetime.combine(born, time(8, 30, tzinfo=UTC))
    for start in _visit_times(chance, first, visits):
        _visit(grown, patient, practitioner, organization, location, start)
    return grown.resources


def _visit_times(chance: Random, born: datetime, visits: int) -> list[datetime]:
    """Return times after birth, oldest first, half of them in the last twelve years."""
    early = max(born, _LAST_DAY - timedelta(days=12 * 365))
    starts = (chance.choice((born, early)) for _ in range(visits))
    return sorted(start + timedelta(seconds=chance.random() * (_LAST_DAY - start).total_seconds()) for start in starts)


def _visit(
    grown: Record, patient: Party, practitioner: Party, organization: Party, location: Party, start: datetime
) -> None:
    length = timedelta(minutes=grown.one_of((15, 30, 45, 60, 600)))
    found = grown.one_of(CONDITIONS) if grown.happens(0.35) else None
    kind = grown.one_of(VISITS)
    begin, end = grown.moment(start), grown.moment(start + length)
    encounter = clinical.encounter(
        kind, grown, patient, practitioner, organization, location, begin, end, found if grown.happens(0.8) else None
    )
    visit = Visit(grown, patient, practitioner, organization, location, encounter, start, length)
    diagnoses = [(clinical.condition(visit, found), found)] if found else []
    _observations(visit)
    reason = diagnoses[0][0] if diagnoses else None
    procedures = [clinical.procedure(visit, reason) for _ in range(grown.one_of((0, 1, 1, 2)))]
    immunizations = [clinical.immunization(visit) for _ in range(grown.one_of((0, 0, 0, 1, 3)))]
    if found and reason:
        _treatment(visit, reason, found)
    if grown.happens(0.05):
        clinical.allergy(visit)
    if grown.happens(0.02):
        clinical.imaging_study(visit)
    if grown.happens(0.05):
        clinical.document(visit)
    items = claims.Items(kind, diagnoses, procedures, immunizations)
    claimed = claims.claim(visit, items)
    claims.explanation_of_benefit(visit, claimed, items)


def _treatment(visit: Visit, reason: str, treated: Concept) -> None:
    grown = visit.record
    if grown.happens(0.75):
        prescription, medicine = clinical.medication_request(visit, reason if grown.happens(0.7) else None)
        claims.pharmacy_claim(visit, prescription, medicine)
    if grown.happens(0.25):
        clinical.care_plan(visit, treated, reason)


def _observations(visit: Visit) -> None:
    grown = visit.record
    if grown.happens(0.45):
        for measurement in VITAL_SIGNS[:3]:
            clinical.vital_sign(visit, measurement)
        clinical.blood_pressure(visit)
        for measurement in grown.chance.sample(VITAL_SIGNS[3:], 2):
            clinical.vital_sign(visit, measurement)
    if grown.happens(0.3):
        clinical.report(visit, grown.one_of(PANELS))
    if grown.happens(0.4):
        single = grown.one_of(SINGLE_TESTS)
        value = {"valueQuantity": clinical.measured(grown, single)}
        clinical.observation(visit, "laboratory", single.concept, value, "us-core-observation-lab")
    if grown.happens(0.3):
        concept, answers = grown.one_of(CODED_FINDINGS)
        clinical.coded_finding(visit, grown.one_of(("survey", "laboratory", "social-history")), concept, answers)
    if grown.happens(0.05):
        questions = tuple((concept, answers[0]) for concept, answers in CODED_FINDINGS)
        clinical.survey(visit, _SURVEY, questions)


def transaction(resources: Sequence[Tree]) -> bytes:
    """Return a transaction Bundle that creates *resources* (made with ``relative=False``)."""
    entries = [
        {
            "fullUrl": f"urn:uuid:{resource['id']}",
            "resource": resource,
            "request": {"method": "POST", "url": resource["resourceType"]},
        }
        for resource in resources
    ]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def bundles(patients: int, *, seed: int = 1, visits: int = 25, styles: Sequence[Style] = STYLES) -> Iterator[bytes]:
    """Yield one transaction Bundle for each patient, about ``10 * visits`` entries each."""
    for number in range(patients):
        chance = Random(f"{seed}/{number}")  # noqa: S311 - made-up people need no secret randomness
        yield transaction(record(chance, styles[number % len(styles)], _some(chance, visits)))


def ndjson(patients: int, *, seed: int = 1, visits: int = 25, styles: Sequence[Style] = STYLES) -> Iterator[bytes]:
    """Yield resources, one JSON text each without a line end, whose references read ``Type/id``."""
    for number in range(patients):
        chance = Random(f"{seed}/{number}")  # noqa: S311 - made-up people need no secret randomness
        for resource in record(chance, styles[number % len(styles)], _some(chance, visits), relative=True):
            yield orjson.dumps(resource)


def _some(chance: Random, visits: int) -> int:
    """Return how many visits one patient has; *visits* on average."""
    return max(1, round(visits * (0.4 + 1.2 * chance.random())))
