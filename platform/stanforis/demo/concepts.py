"""Codes, what is measured, and the tables they are written down in.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

from typing import NamedTuple

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
CVX = "http://hl7.org/fhir/sid/cvx"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
UCUM = "http://unitsofmeasure.org"


class Concept(NamedTuple):
    """One code of a code system."""

    system: str
    code: str
    display: str


class Measurement(NamedTuple):
    """What is measured, its UCUM unit, and the usual range of its value with the digits after the point."""

    concept: Concept
    unit: str
    low: float
    high: float
    digits: int


class Panel(NamedTuple):
    """A laboratory report and what it measures."""

    concept: Concept
    members: tuple[Measurement, ...]


def read_concepts(system: str, table: str) -> tuple[Concept, ...]:
    """Read lines of ``code display``."""
    return tuple(Concept(system, *line.strip().split(" ", 1)) for line in table.strip().splitlines())


def read_measurements(table: str) -> tuple[Measurement, ...]:
    """Read lines of ``code unit low high digits display``."""
    rows = (line.strip().split(" ", 5) for line in table.strip().splitlines())
    return tuple(
        Measurement(Concept(LOINC, code, display), unit, float(low), float(high), int(digits))
        for code, unit, low, high, digits, display in rows
    )


def read_plans(table: str) -> tuple[tuple[Concept, tuple[Concept, ...]], ...]:
    """Read plans, each followed by its activities, which stand further in."""
    plans: list[tuple[Concept, list[Concept]]] = []
    for line in table.strip("\n").splitlines():
        (concept,) = read_concepts(SNOMED, line)
        if line.startswith(" " * 8):
            plans[-1][1].append(concept)
        else:
            plans.append((concept, []))
    return tuple((plan, tuple(activities)) for plan, activities in plans)
