"""Code systems whose codes follow a rule, so that they are known, or known to be wrong, without a list.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final
from zoneinfo import available_timezones

from fhir_api.fhirpath import ucum
from fhir_api.packages.library import Library
from fhir_api.terminology.check_digits import is_loinc, is_snomed
from fhir_api.terminology.code_system import CodeSystem, Concept
from fhir_api.terminology.codes import Contains, Truth
from fhir_api.terminology.languages import is_language
from fhir_api.terminology.registries import countries, currencies, subtags

Make = Callable[[Library], CodeSystem]

_FHIR_VALUE_SET: Final = "http://hl7.org/fhir/ValueSet/"
ISO_3166: Final = "urn:iso:std:iso:3166"
ISO_4217: Final = "urn:iso:std:iso:4217"
M49: Final = "http://unstats.un.org/unsd/methods/m49/m49.htm"
TIME_ZONES: Final = "https://www.iana.org/time-zones"
UCUM: Final = "http://unitsofmeasure.org"

# RFC 6838, 4.2: names of types and subtypes; RFC 2045, 5.1: parameters.
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_QUOTED: Final = r'"(?:[^"\\\r\n]|\\[^\r\n])*"'
# FHIR writes "xml" and "json" where it asks for a type, and leaves spaces and slashes in parameters unquoted.
_LOOSE: Final = r'[^;"\x00-\x1f\x7f]*[^;"\x00-\x20\x7f]'
_PARAMETER: Final = rf"[ \t]*;[ \t]*{_WORD}=(?:{_LOOSE}|{_QUOTED})"
_MIME_TYPE: Final = re.compile(rf"(?:xml|json|ttl|{_NAME}/{_NAME})(?:{_PARAMETER})*")
_FORMATS: Final = frozenset({"json", "ttl", "xml"})
"""The short names that FHIR has for its own formats wherever it wants a MIME type (CapabilityStatement.format)."""
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_SUBDIVISION: Final = re.compile(r"[A-Z]{2}-[0-9A-Z]{1,3}")
_REGION: Final = re.compile(r"[0-9]{3}")
_CODING_SYSTEM: Final = re.compile(r"99[0-9A-Za-z]{3}|(?:HL7|IBT|ISO)[0-9]{4}|NCPDP[0-9A-Za-z]{4,}|X12De[0-9]{3,4}")
_RXNORM: Final = re.compile(r"[0-9]{1,8}")


def _is_unit(code: str) -> Truth:
    return ucum.canonical(code) is not None


def _is_mime_type(code: str) -> Truth:
    return code in _FORMATS or _MIME_TYPE.fullmatch(code) is not None


def _is_uri(code: str) -> Truth:
    # What has no scheme is a relative reference: no URI, but widely used as one.
    return True if _URI.fullmatch(code) else None


def _never_unless(can_be: Callable[[str], object]) -> Contains:
    """Return the rule of a code system that is not here: what cannot be a code is none, the rest cannot be told."""
    return lambda code: None if can_be(code) else False


def _units(_library: Library) -> CodeSystem:
    return CodeSystem(UCUM, rule=_is_unit, filter_rule=_unit_filter)


def _unit_filter(name: str, operator: str, value: str) -> Contains | None:
    """Return the rule of units that measure the same as another one, which R4 calls their canonical.

    Spec: https://hl7.org/fhir/R4/ucum.html
    """
    wanted = ucum.canonical(value) if (name, operator) == ("canonical", "=") else None
    if wanted is None:
        return None

    def measures_the_same(code: str) -> Truth:
        found = ucum.canonical(code)
        return found is not None and found.dimension == wanted.dimension

    return measures_the_same


def _countries(library: Library) -> CodeSystem:
    """Return the codes of ISO 3166-1; R4 names those of two letters."""
    return CodeSystem(ISO_3166, _country_concepts(_country_names(library)))


def _country_concepts(names: Mapping[str, str]) -> Iterator[Concept]:
    for country in countries():
        name = names.get(country.alpha_2)
        for code in (country.alpha_2, country.alpha_3, country.numeric):
            # ISO puts the article of a name behind it.
            yield Concept(code, name, designations=() if name is None else (f"{name} (the)",))


def _country_names(library: Library) -> Mapping[str, str]:
    value_set = library.find("ValueSet", f"{_FHIR_VALUE_SET}iso3166-1-2")
    includes = value_set["compose"]["include"] if value_set else ()
    return {each["code"]: each["display"] for include in includes for each in include["concept"] if "display" in each}


def _regions(_library: Library) -> CodeSystem:
    """Return the countries and regions of UN M49 that are registered for language tags; there are some more."""
    regions = sorted(code for code in subtags()["region"] if code.isdigit())
    concepts = (
        *(Concept(code, properties={"class": ("region",)}) for code in regions),
        *(Concept(country.numeric, properties={"class": ("country",)}) for country in countries()),
    )
    return CodeSystem(M49, concepts, _never_unless(_REGION.fullmatch), is_known=False, properties={"class": None})


def _currencies(_library: Library) -> CodeSystem:
    return CodeSystem(ISO_4217, (Concept(currency.code, currency.name) for currency in currencies()))


def _time_zones(_library: Library) -> CodeSystem:
    return CodeSystem(TIME_ZONES, (Concept(name) for name in sorted(available_timezones())))


@cache
def _alpha_3() -> frozenset[str]:
    return frozenset(country.alpha_3 for country in countries())


def _is_national_identifier(code: str) -> Truth:
    return code[:2] == "NN" and code[2:] in _alpha_3()


def _is_coding_system(code: str) -> Truth:
    return _CODING_SYSTEM.fullmatch(code) is not None


UNLISTED: Final[Mapping[str, Contains]] = {
    "http://terminology.hl7.org/CodeSystem/v2-0203": _is_national_identifier,
    "http://terminology.hl7.org/CodeSystem/v2-0335": lambda code: code.startswith("PRN"),
    "http://terminology.hl7.org/CodeSystem/v2-0396": _is_coding_system,
}
"""Rules of tables of HL7 v2 that have one entry for many codes, such as ``NNxxx`` with a country for ``xxx``."""


def _ruled(url: str, rule: Contains, *, is_known: bool = True) -> tuple[str, Make]:
    return url, lambda _library: CodeSystem(url, rule=rule, is_known=is_known)


GRAMMARS: Final[Mapping[str, Make]] = dict(
    (
        (UCUM, _units),
        (ISO_3166, _countries),
        (ISO_4217, _currencies),
        (M49, _regions),
        (TIME_ZONES, _time_zones),
        _ruled("urn:ietf:bcp:13", _is_mime_type),
        _ruled("urn:ietf:bcp:47", is_language),
        _ruled("urn:ietf:rfc:3986", _is_uri),
        _ruled("urn:iso:std:iso:3166:-2", _never_unless(_SUBDIVISION.fullmatch), is_known=False),
        _ruled("http://snomed.info/sct", _never_unless(is_snomed), is_known=False),
        _ruled("http://loinc.org", _never_unless(is_loinc), is_known=False),
        _ruled("http://www.nlm.nih.gov/research/umls/rxnorm", _never_unless(_RXNORM.fullmatch), is_known=False),
    )
)
"""What makes each code system, by its URL."""
