"""The searches that are measured, each with values that the stored data has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

_ENOUGH = 400
"""Values kept of each kind: different ones in turn, so that not the same pages are read each time."""


@dataclass(slots=True)
class Values:
    """What the stored data has.

    Attributes:
        patients: ids.
        practitioners: ids of practitioners who took part in an encounter.
        identifiers: ``system|value`` of patients.
        families: family names.
        birth_dates: days.
        codes: how often each ``system|code`` of an Observation comes.
        conditions: how often each of a Condition.
        encounters: ids.
    """

    patients: list[str] = field(default_factory=list)
    practitioners: list[str] = field(default_factory=list)
    identifiers: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    birth_dates: list[str] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    conditions: Counter[str] = field(default_factory=Counter)
    encounters: list[str] = field(default_factory=list)

    def note(self, resource_type: str, logical_id: str, tree: dict[str, Any]) -> None:
        """Remember what can be searched for in a resource that was stored."""
        if resource_type == "Observation":
            self.codes.update(f"{coding['system']}|{coding['code']}" for coding in tree["code"]["coding"])
        elif resource_type == "Condition":
            self.conditions.update(f"{coding['system']}|{coding['code']}" for coding in tree["code"]["coding"])
        elif resource_type == "Patient" and len(self.patients) < _ENOUGH:
            self.patients.append(logical_id)
            self.families.append(tree["name"][0]["family"])
            self.birth_dates.append(tree["birthDate"])
            self.identifiers += [f"{each['system']}|{each['value']}" for each in tree["identifier"][:1]]
        elif resource_type == "Encounter" and len(self.encounters) < _ENOUGH:
            self.encounters.append(logical_id)
            self.practitioners += [
                each["individual"]["reference"].rpartition("/")[2] for each in tree.get("participant", ())
            ]


Kinds = dict[str, Callable[[int], str]]
"""What makes the *n*-th URL of each kind of search, by a name for people."""


def kinds(values: Values) -> Kinds:
    """Return every kind of search."""
    return {**_by_values(values), **_by_patients(values), **_across_types(values)}


def _one(among: list[str]) -> Callable[[int], str]:
    return lambda n: among[n % len(among)]


def _ranked(values: Values) -> list[str]:
    return [code for code, _ in values.codes.most_common()]


_OBSERVATIONS = "Observation?_count=20&"


def _by_values(values: Values) -> Kinds:
    """Return searches by identifiers, codes and quantities."""
    ranked, identifier = _ranked(values), _one(values.identifiers)
    frequent, middle, rare = ranked[0], ranked[len(ranked) // 2], ranked[-1]
    bare = {code: code.rpartition("|")[2] for code in ranked}
    codes = ",".join(ranked[:20])
    observations = _OBSERVATIONS
    return {
        "identifier, system|value": lambda n: f"Patient?identifier={identifier(n)}",
        "identifier, value alone": lambda n: f"Patient?identifier={identifier(n).rpartition('|')[2]}",
        "code, frequent": lambda _: f"{observations}code={frequent}",
        "code, frequent, without system": lambda _: f"{observations}code={bare[frequent]}",
        "code, middling": lambda _: f"{observations}code={middle}",
        "code, rare": lambda _: f"{observations}code={rare}",
        "code, rare, without system": lambda _: f"{observations}code={bare[rare]}",
        "code, system alone": lambda _: f"{observations}code=http://loinc.org|",
        "code, 20 of them": lambda _: f"{observations}code={codes}",
        "code, none has it": lambda n: f"{observations}code=http://loinc.org|none-{n}",
        "code:not": lambda _: f"{observations}code:not={frequent}",
        "status of nearly all": lambda _: f"{observations}status=final",
        "code and status": lambda _: f"{observations}code={middle}&status=final",
        "code and year": lambda n: (
            f"{observations}code={frequent}&date=ge{2016 + n % 9}-01-01&date=lt{2017 + n % 9}-01-01"
        ),
        "code and value-quantity": lambda n: f"{observations}code={frequent}&value-quantity=gt{60 + n % 60}",
        "code-value-quantity": lambda n: f"{observations}code-value-quantity={frequent}$gt{100 + n % 50}",
        "code-value-quantity, rare": lambda n: f"{observations}code-value-quantity={middle}$gt{10_000 + n % 50}",
        "value-quantity with its unit": lambda n: (
            f"{observations}value-quantity=gt{60 + n % 30}|http://unitsofmeasure.org|kg"
        ),
        "value-quantity, rare": lambda n: f"{observations}value-quantity=gt{230 + n % 30}|http://unitsofmeasure.org|kg",
        "component-code-value-quantity": lambda n: (
            f"{observations}component-code-value-quantity=http://loinc.org|8480-6$gt{120 + n % 30}"
        ),
        "value-quantity alone": lambda n: f"{observations}value-quantity=gt{150 + n % 30}",
    }


def _by_patients(values: Values) -> Kinds:
    """Return searches by patients, their names and dates."""
    frequent = _ranked(values)[0]
    patient, family, born = _one(values.patients), _one(values.families), _one(values.birth_dates)
    observations = _OBSERVATIONS
    return {
        "patient, newest first": lambda n: f"{observations}patient={patient(n)}&_sort=-date",
        "patient and code, newest first": lambda n: f"{observations}patient={patient(n)}&code={frequent}&_sort=-date",
        "patient and category": lambda n: f"{observations}patient={patient(n)}&category=laboratory",
        "patient and period": lambda n: f"Encounter?_count=20&patient={patient(n)}&date=ge2015-01-01",
        "period, one month": lambda n: f"Encounter?_count=20&date=20{10 + n % 15}-05",
        "period, one month, newest first": lambda n: f"Encounter?_count=20&date=20{10 + n % 15}-05&_sort=-date",
        "period that is open": lambda n: f"CarePlan?_count=20&date=ge{2012 + n % 10}",
        "family, beginning": lambda n: f"Patient?_count=20&family={family(n)[:4]}",
        "family, exact": lambda n: f"Patient?_count=20&family:exact={family(n)}",
        "name contains": lambda n: f"Patient?_count=20&name:contains={family(n)[1:5]}",
        "birthdate after": lambda _: "Patient?_count=20&birthdate=ge1980-01-01",
        "birthdate, one day": lambda n: f"Patient?_count=20&birthdate={born(n)}",
        "birthdate and gender": lambda n: f"Patient?_count=20&birthdate=ge{1950 + n % 50}&gender=female",
        "patients by family": lambda _: "Patient?_count=20&_sort=family",
    }


def _across_types(values: Values) -> Kinds:
    """Return searches that follow references, read very much, or count."""
    ranked = _ranked(values)
    frequent, middle, rare = ranked[0], ranked[len(ranked) // 2], ranked[-1]
    illnesses = [code for code, _ in values.conditions.most_common()] or ranked
    identifiers = ",".join([*values.identifiers, *(f"urn:none|{n}" for n in range(2000 - len(values.identifiers)))])
    patient, identifier, family = _one(values.patients), _one(values.identifiers), _one(values.families)
    practitioner, encounter = _one(values.practitioners), _one(values.encounters)
    many = ",".join(f"Patient/{each}" for each in values.patients[:200])
    observations = _OBSERVATIONS
    return {
        "200 patients at once": lambda _: f"Encounter?_count=20&patient={many}",
        "chain: patient.family": lambda n: f"Encounter?_count=20&patient.family={family(n)}",
        "chain: patient.identifier": lambda n: f"{observations}patient.identifier={identifier(n)}",
        "_has, frequent code": lambda _: f"Patient?_count=20&_has:Observation:patient:code={frequent}",
        "_has, rare code": lambda _: f"Patient?_count=20&_has:Observation:patient:code={rare}",
        "_has, condition, frequent": lambda _: f"Patient?_count=20&_has:Condition:patient:code={illnesses[0]}",
        "_has, condition, rare": lambda _: f"Patient?_count=20&_has:Condition:patient:code={illnesses[-1]}",
        "two hops: encounter.subject.family": lambda n: f"{observations}encounter.subject:Patient.family={family(n)}",
        "two hops, frequent": lambda _: f"{observations}encounter.subject:Patient.gender=female",
        "two hops, rare": lambda n: f"{observations}encounter.subject:Patient.identifier={identifier(n)}",
        "2,000 identifiers": lambda _: f"Patient?_count=20&identifier={identifiers}",
        "_include and _revinclude": lambda n: (
            f"Patient?_count=20&birthdate=ge{1950 + n % 50}&_include=Patient:organization&_revinclude=Condition:patient"
        ),
        "_has and identifier": lambda n: f"Patient?identifier={identifier(n)}&_has:Observation:patient:code={frequent}",
        "_include": lambda n: f"Encounter?_count=20&patient={patient(n)}&_include=Encounter:practitioner",
        "_revinclude": lambda n: f"Encounter?_id={encounter(n)}&_revinclude=Observation:encounter",
        "practitioner": lambda n: f"Encounter?_count=20&practitioner={practitioner(n)}",
        "_lastUpdated, in no order": lambda _: "Observation?_count=20&_lastUpdated=gt2020-01-01",
        "_lastUpdated, newest first": lambda _: "Observation?_count=20&_lastUpdated=gt2020-01-01&_sort=-_lastUpdated",
        "type alone": lambda _: "Condition?_count=20",
        "code:missing": lambda _: f"{observations}code:missing=true",
        "newest of all": lambda _: f"{observations}_sort=-date",
        "count, frequent code": lambda _: f"Observation?code={frequent}&_summary=count",
        "count, 150,000 hits": lambda _: "Procedure?status=completed&_summary=count",
        "count, status of nearly all": lambda _: "Observation?status=final&_summary=count",
        "page and estimate": lambda _: f"{observations}status=final&_total=estimate",
        "page and exact total": lambda _: f"{observations}code={middle}&_total=accurate",
    }


def chosen(made: dict[str, Callable[[int], str]], words: Iterable[str]) -> Iterator[tuple[str, Callable[[int], str]]]:
    """Yield the kinds whose name has one of *words* in it; all without words."""
    words = list(words)
    for name, make in made.items():
        if not words or any(word in name for word in words):
            yield name, make
