"""Code systems without a list."""

from __future__ import annotations

import pytest
from lxml import etree

from fhir_api.packages.core import core_library
from fhir_api.terminology import Terminology
from tests.support.examples import SHARED

TERMINOLOGY = Terminology(core_library())
UCUM = "http://unitsofmeasure.org"
LANGUAGES = "urn:ietf:bcp:47"
MIME_TYPES = "urn:ietf:bcp:13"
CURRENCIES = "urn:iso:std:iso:4217"
COUNTRIES = "urn:iso:std:iso:3166"
M49 = "http://unstats.un.org/unsd/methods/m49/m49.htm"
V = "http://hl7.org/fhir/ValueSet/"


def result(system: str, code: str) -> bool | None:
    return TERMINOLOGY.validate_in_system(system, code).result


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (UCUM, "mm[Hg]"), (UCUM, "10*3/uL"), (UCUM, "{score}"), (UCUM, "/min"),
        (LANGUAGES, "rw"), (LANGUAGES, "rw-RW"), (LANGUAGES, "EN-us"), (LANGUAGES, "zh-Hant-TW"), (LANGUAGES, "swh"),
        (LANGUAGES, "zh-yue-HK"), (LANGUAGES, "de-CH-1996"), (LANGUAGES, "es-419"), (LANGUAGES, "sl-rozaj-biske-1994"),
        (LANGUAGES, "en-u-ca-buddhist"), (LANGUAGES, "x-whatever"), (LANGUAGES, "i-klingon"), (LANGUAGES, "qaa"),
        (LANGUAGES, "en-GB-oed"), (LANGUAGES, "de-a-value-x-private"),
        (MIME_TYPES, "text/plain"), (MIME_TYPES, "application/fhir+json; fhirVersion=4.0"),
        (MIME_TYPES, 'multipart/mixed; boundary="a b"'), (MIME_TYPES, "image/svg+xml"), (MIME_TYPES, "json"),
        (CURRENCIES, "RWF"), (CURRENCIES, "USD"), (CURRENCIES, "HRK"), (CURRENCIES, "XXX"),
        (COUNTRIES, "RW"), (COUNTRIES, "RWA"), (COUNTRIES, "646"),
        (M49, "001"), (M49, "646"),
        ("urn:ietf:rfc:3986", "urn:oid:1.2.3"), ("https://www.iana.org/time-zones", "Africa/Kigali"),
    ],
)  # fmt: skip
def test_a_code(system: str, code: str) -> None:
    assert result(system, code) is True


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (UCUM, "mmHg"), (UCUM, "ea"), (UCUM, ""),
        (LANGUAGES, "xx-XX-XX"), (LANGUAGES, "english"), (LANGUAGES, "en_US"), (LANGUAGES, "en-DY"), (LANGUAGES, "yy"),
        (LANGUAGES, "zh-zzz"), (LANGUAGES, "e" * 300), (LANGUAGES, "en-"), (LANGUAGES, ""), (LANGUAGES, "en\n"),
        (MIME_TYPES, "text"), (MIME_TYPES, "text/"), (MIME_TYPES, "text/plain;"), (MIME_TYPES, "text/pl ain"),
        (CURRENCIES, "ABC"), (CURRENCIES, "usd"), (CURRENCIES, "$"),
        (COUNTRIES, "XY"), (COUNTRIES, "rw"), (COUNTRIES, "Rwanda"),
        (M49, "Africa"), ("urn:iso:std:iso:3166:-2", "Kigali"),
        ("http://snomed.info/sct", "404684004"), ("http://loinc.org", "8867-5"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "aspirin"), ("https://www.iana.org/time-zones", "Kigali"),
    ],
)  # fmt: skip
def test_certainly_no_code(system: str, code: str) -> None:
    assert result(system, code) is False


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (LANGUAGES, "en-Zzqq"), (LANGUAGES, "de-newvar"), (M49, "999"), ("urn:iso:std:iso:3166:-2", "RW-01"),
        ("http://snomed.info/sct", "404684003"), ("http://loinc.org", "8867-4"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "1191"), ("http://hl7.org/fhir/sid/icd-10", "A00"),
        ("urn:ietf:rfc:3986", "1.2.3"),
    ],
)  # fmt: skip
def test_it_cannot_be_told(system: str, code: str) -> None:
    answer = TERMINOLOGY.validate_in_system(system, code)
    assert answer.result is None
    assert answer.message == f"The codes of the code system {system} are not known."


@pytest.mark.parametrize(
    ("value_set", "code", "expected"),
    [
        ("all-distance-units", "km", True), ("all-distance-units", "kg", False), ("all-time-units", "wk", True),
        ("all-time-units", "no unit", False), ("mimetypes", "text/csv", True), ("currencies", "EUR", True),
        ("iso3166-1-3", "RWA", True), ("iso3166-1-3", "RW", False), ("iso3166-1-N", "646", True),
        ("all-languages", "rw", True), ("ucum-units", "kg/m2", True), ("ucum-units", "kilo", False),
    ],
)  # fmt: skip
def test_value_sets_over_grammars(value_set: str, code: str, expected: bool) -> None:
    assert TERMINOLOGY.validate(V + value_set, None, code).result is expected


def test_regions_of_the_world_are_jurisdictions() -> None:
    assert TERMINOLOGY.contains(V + "jurisdiction", M49, "002") is True
    assert TERMINOLOGY.contains(V + "jurisdiction", M49, "646") is False
    assert TERMINOLOGY.contains(V + "jurisdiction", COUNTRIES, "RW") is True


def test_displays_of_countries() -> None:
    answer = TERMINOLOGY.validate_in_system(COUNTRIES, "RW", "Rwanda")
    assert (answer.display, answer.is_display_right) == ("Rwanda", True)
    assert TERMINOLOGY.validate_in_system(COUNTRIES, "US", "United States of America (the)").is_display_right is True
    assert TERMINOLOGY.validate_in_system(COUNTRIES, "RW", "Burundi").is_display_right is False


@pytest.mark.parametrize(
    ("table", "code", "expected"),
    [
        ("0203", "NNRWA", True), ("0203", "MR", True), ("0203", "NNQQQ", False), ("0203", "NN", False),
        ("0335", "PRNbid", True), ("0335", "XXX", False),
        ("0396", "99ABC", True), ("0396", "HL70203", True), ("0396", "HL7", False), ("0396", "LN", True),
    ],
)  # fmt: skip
def test_tables_with_one_entry_for_many_codes(table: str, code: str, expected: bool) -> None:
    assert result(f"http://terminology.hl7.org/CodeSystem/v2-{table}", code) is expected


def ucum_cases() -> list[tuple[str, bool]]:
    path = SHARED / "ucum/UcumFunctionalTests.xml"
    if not path.exists():
        return []
    root = etree.parse(path).getroot()
    return [(str(case.attrib["unit"]), case.attrib["valid"] == "true") for case in root.iterfind("validation/case")]


def test_units_of_the_public_cases() -> None:
    cases = ucum_cases()
    if not cases:
        pytest.skip("the UCUM cases are not in ../shared/data")
    wrong = [(unit, expected) for unit, expected in cases if result(UCUM, unit) is not expected]
    assert len(cases) > 500
    assert wrong == []
