"""Synthetic patients, practitioners and places. All names are common ones put together by chance.

Spec: https://hl7.org/fhir/R4/administration-module.html
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from stanforis.demo.concepts import Concept
from stanforis.demo.elements import TERMINOLOGY, Tree, codeable, narrative, term
from stanforis.demo.record import US_CORE, Party, Record, new_uuid

RWANDA_IDENTIFIERS = "https://fhir.stanforis.example/rw/sid/"
"""Where identifier systems of Rwanda live as long as the country publishes none."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_KINYARWANDA = _words(
    "Uwimana Mukamana Habimana Niyonzima Uwase Mugisha Ishimwe Nshimiyimana Hakizimana Mukandayisenga Ndayisaba "
    "Nsengiyumva Iradukunda Uwineza Bizimana Tuyishime Umutoni Nkurunziza Mukeshimana Byiringiro Kayitesi Rukundo"
)
_GIVEN_RW = {
    "female": _words("Aline Claudine Josiane Vestine Chantal Diane Espérance Jeanne Immaculée Solange"),
    "male": _words("Jean Emmanuel Eric Patrick Innocent Théogène Faustin Olivier Claude Samuel"),
}
_FAMILY = _words("Smith Johnson Garcia Müller Brown Nguyen Walter Reilly Kunze Hansen Ortiz Becker Schmidt Abbott")
_GIVEN = {
    "female": _words("Mary Linda Anna Susan Maria Carla Elena Ruth Grace Julia"),
    "male": _words("James Robert John Peter Carlos Daniel Mark Leo Henry Paul"),
}
_SECTORS = (
    ("Kigali City", "Gasabo", "Remera"),
    ("Kigali City", "Kicukiro", "Kanombe"),
    ("Southern Province", "Huye", "Ngoma"),
    ("Northern Province", "Musanze", "Muhoza"),
    ("Western Province", "Rubavu", "Gisenyi"),
    ("Eastern Province", "Rwamagana", "Kigabiro"),
    ("Eastern Province", "Nyagatare", "Karangazi"),
)
_CITIES = (
    ("Springfield", "MA", "01101"),
    ("Worcester", "MA", "01603"),
    ("Boston", "MA", "02108"),
    ("Salem", "MA", "01970"),
    ("Denver", "CO", "80202"),
    ("Portland", "OR", "97201"),
)


def name(chance: Random, gender: str, country: str, *, use: str | None = "official", prefix: str | None = None) -> Tree:
    """Return a HumanName."""
    family, given = (_KINYARWANDA, _GIVEN_RW) if country == "RW" else (_FAMILY, _GIVEN)
    tree: Tree = {"use": use} if use else {}
    tree |= {"family": chance.choice(family), "given": [chance.choice(given[gender])]}
    if prefix:
        tree["prefix"] = [prefix]
    return tree


def address(chance: Random, country: str) -> Tree:
    """Return an Address: province, district and sector in Rwanda; line, city, state and postal code elsewhere."""
    if country == "RW":
        province, district, sector = chance.choice(_SECTORS)
        return {
            "use": "home",
            "line": [f"KG {chance.randrange(1, 600)} St", sector],
            "city": sector,
            "district": district,
            "state": province,
            "country": "RW",
        }
    city, state, code = chance.choice(_CITIES)
    road = chance.choice(("Street", "Avenue", "Lane", "Way"))
    line = f"{chance.randrange(100, 1100)} {chance.choice(_FAMILY)} {road}"
    return {"line": [line], "city": city, "state": state, "postalCode": code, "country": "US"}


def phone(chance: Random, country: str) -> Tree:
    """Return a ContactPoint."""
    if country == "RW":
        return {"system": "phone", "value": f"+25078{chance.randrange(10**7):07d}", "use": "mobile"}
    number = f"555-{chance.randrange(200, 999)}-{chance.randrange(10**4):04d}"
    return {"system": "phone", "value": number, "use": "home"}


def identifier(code: str, display: str, system: str, value: str) -> Tree:
    """Return an Identifier with a type of HL7 table 0203."""
    return {"type": term("v2-0203", code, display) | {"text": display}, "system": system, "value": value}


def patient(record: Record, born: date, died: str | None) -> Party:
    """Add the Patient."""
    chance, country = record.chance, record.style.country
    gender = chance.choice(("female", "male"))
    official = name(chance, gender, country, prefix=None if country == "RW" else chance.choice(("Mr.", "Mrs.", "Ms.")))
    shown = " ".join((*official["given"], official["family"]))
    married = record.happens(0.5)
    tree: Tree = {
        "text": narrative(f"Record of {shown}, made by chance.") if country == "US" else None,
        "extension": _us_extensions(record, gender) if country == "US" else None,
        "identifier": _rwandan_identifiers(chance, born) if country == "RW" else _us_identifiers(chance),
        "active": True if country == "RW" else None,
        "name": [official],
        "telecom": [phone(chance, country)],
        "gender": gender,
        "birthDate": born.isoformat(),
        "deceasedDateTime": died,
        "address": [_located(chance, address(chance, country), country)],
        "maritalStatus": {
            "coding": [
                {
                    "system": f"{TERMINOLOGY}v3-MaritalStatus",
                    "code": "M" if married else "S",
                    "display": "Married" if married else "Never Married",
                }
            ],
            "text": "M" if married else "S",
        },
        "multipleBirthBoolean": False,
        "communication": [{"language": _language(country)}],
    }
    return Party(record.add("Patient", "us-core-patient", tree), shown)


def _language(country: str) -> Tree:
    code, display = ("rw", "Kinyarwanda") if country == "RW" else ("en-US", "English")
    return {"coding": [{"system": "urn:ietf:bcp:47", "code": code, "display": display}], "text": display}


def _located(chance: Random, home: Tree, country: str) -> Tree:
    if country == "RW":
        return home
    places = (("latitude", chance.uniform(25, 48)), ("longitude", chance.uniform(-120, -70)))
    position = [{"url": part, "valueDecimal": degrees} for part, degrees in places]
    return {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/geolocation", "extension": position}],
        **home,
    }


def _rwandan_identifiers(chance: Random, born: date) -> list[Tree]:
    national = f"1{born.year}{chance.choice('78')}{chance.randrange(10**10):010d}"
    upi = f"{chance.randrange(10**6):06d}-{chance.randrange(10**4):04d}-{chance.randrange(10**4):04d}"
    return [
        identifier("NI", "National unique individual identifier", RWANDA_IDENTIFIERS + "nid", national),
        identifier("PI", "Patient internal identifier", RWANDA_IDENTIFIERS + "upi", upi),
    ]


def _us_identifiers(chance: Random) -> list[Tree]:
    local = new_uuid(chance)
    ssn = f"999-{chance.randrange(10, 99)}-{chance.randrange(1000, 9999)}"
    passport = f"X{chance.randrange(10**8):08d}X"
    return [
        {"system": "https://records.example.org/patients", "value": local},
        identifier("MR", "Medical Record Number", "http://hospital.smarthealthit.org", local),
        identifier("SS", "Social Security Number", "http://hl7.org/fhir/sid/us-ssn", ssn),
        identifier("DL", "Driver's License", "urn:oid:2.16.840.1.113883.4.3.25", f"S999{chance.randrange(10**5):05d}"),
        identifier("PPN", "Passport Number", US_CORE.replace("/us/core", "") + "passportNumber", passport),
    ]


def _us_extensions(record: Record, gender: str) -> list[Tree]:
    races = (("2106-3", "White"), ("2054-5", "Black or African American"), ("2028-9", "Asian"))
    ethnicities = (("2186-5", "Not Hispanic or Latino"), ("2135-2", "Hispanic or Latino"))
    city, state, _ = record.one_of(_CITIES)
    return [
        _census("us-core-race", *record.one_of(races)),
        _census("us-core-ethnicity", *record.one_of(ethnicities)),
        {
            "url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName",
            "valueString": f"{record.one_of(_GIVEN['female'])} {record.one_of(_FAMILY)}",
        },
        {"url": US_CORE + "us-core-birthsex", "valueCode": gender[0].upper()},
        {
            "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
            "valueAddress": {"city": city, "state": state, "country": "US"},
        },
    ]


def _census(extension: str, code: str, display: str) -> Tree:
    category = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": code, "display": display}
    parts = [{"url": "ombCategory", "valueCoding": category}, {"url": "text", "valueString": display}]
    return {"url": US_CORE + extension, "extension": parts}


def organization(record: Record) -> Party:
    """Add the Organization that gives care."""
    chance, country = record.chance, record.style.country
    place = address(chance, country)
    title = f"{place['city']} Health Centre" if country == "RW" else f"{place['city']} General Hospital".upper()
    fosa = {"system": RWANDA_IDENTIFIERS + "fosa", "value": str(chance.randrange(100, 999))}
    kind = Concept(f"{TERMINOLOGY}organization-type", "prov", "Healthcare Provider")
    registered = {"system": "https://records.example.org/organizations", "value": new_uuid(chance)}
    tree: Tree = {
        "identifier": [fosa if country == "RW" else registered],
        "active": True,
        "type": [codeable(kind)],
        "name": title,
        "telecom": [{"system": "phone", "value": phone(chance, country)["value"]}],
        "address": [{part: value for part, value in place.items() if part != "use"}],
    }
    return Party(record.add("Organization", "us-core-organization", tree), title)


def location(record: Record, owner: Party) -> Party:
    """Add the Location where the organization gives care."""
    tree: Tree = {
        "status": "active",
        "name": owner.name,
        "telecom": [phone(record.chance, record.style.country)],
        "address": address(record.chance, record.style.country),
        "physicalType": term("location-physical-type", "bu", "Building"),
        "position": {"longitude": record.chance.uniform(28.9, 30.9), "latitude": record.chance.uniform(-2.8, -1.1)},
        "managingOrganization": {"reference": owner.reference, "display": owner.name},
    }
    return Party(record.add("Location", "us-core-location", tree), owner.name)


def practitioner(record: Record) -> Party:
    """Add the Practitioner who sees the patient."""
    chance, country = record.chance, record.style.country
    gender = chance.choice(("female", "male"))
    called = name(chance, gender, country, use=None, prefix="Dr.")
    number = str(chance.randrange(9_000_000_000, 9_999_999_999))
    license_of_rwanda = {"system": RWANDA_IDENTIFIERS + "license", "value": f"RMDC-{chance.randrange(10**5):05d}"}
    tree: Tree = {
        "identifier": [
            license_of_rwanda if country == "RW" else {"system": "http://hl7.org/fhir/sid/us-npi", "value": number}
        ],
        "active": True,
        "name": [called],
        "telecom": [{"system": "email", "value": f"{called['family']}@example.org".lower(), "use": "work"}],
        "address": [address(chance, country)],
        "gender": gender,
    }
    shown = " ".join(("Dr.", *called["given"], called["family"]))
    return Party(record.add("Practitioner", "us-core-practitioner", tree), shown)


def birth_date(chance: Random) -> date:
    """Return a day between 1935 and 2025."""
    return date(1935, 1, 1) + timedelta(days=chance.randrange(90 * 365))
