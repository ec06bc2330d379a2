"""Code systems whose codes follow a rule, so that they are known, or known to be wrong, without a list.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from zoneinfo import available_timezones

from fhir_api.fhirpath import ucum
from fhir_api.packages.library import Library
from fhir_api.terminology.check_digits import is_loinc, is_snomed
from fhir_api.terminology.code_system import CodeSystem, Concept
from fhir_api.terminology.codes import Contains, Truth
from fhir_api.terminology.languages import is_language
from fhir_api.terminology.registries import countries, currencies

Make = Callable[[Library], CodeSystem]

# RFC 6838, 4.2: names of types and subtypes; RFC 2045, 5.1: parameters. FHIR itself writes "xml" and "json" where it
# asks for a type, and parameters with spaces and slashes that are not quoted.
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_QUOTED: Final = r'"(?:[^"\\\r\n]|\\[^\r\n])*"'
_LOOSE: Final = r'[^;"\x00-\x1f\x7f]*[^;"\x00-\x20\x7f]'
_PARAMETER: Final = rf"[ \t]*;[ \t]*{_WORD}=(?:{_LOOSE}|{_QUOTED})"
_MIME_TYPE: Final = re.compile(rf"(?:xml|json|ttl|{_NAME}/{_NAME})(?:{_PARAMETER})*")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
ISO_3166: Final = "urn:iso:std:iso:3166"
ISO_4217: Final = "urn:iso:std:iso:4217"


def _ucum(code: str) -> Truth:
    return ucum.canonical(code) is not None


def _mime_type(code: str) -> Truth:
    return _MIME_TYPE.fullmatch(code) is not None


def _uri(code: str) -> Truth:
    return _URI.fullmatch(code) is not None


def _snomed(code: str) -> Truth:
    return None if is_snomed(code) else False


def _loinc(code: str) -> Truth:
    return None if is_loinc(code) else False


def _ruled(url: str, rule: Contains, *, is_known: bool = True) -> tuple[str, Make]:
    return url, lambda _library: CodeSystem(url, rule=rule, is_known=is_known)


def _countries(library: Library) -> CodeSystem:
    """Return the codes of ISO 3166-1; R4 names those of two letters."""
    return CodeSystem(ISO_3166, _country_concepts(_country_names(library)))


def _country_concepts(names: Mapping[str, str]) -> Iterator[Concept]:
    for country in countries():
        for code in (country.alpha_2, country.alpha_3, country.numeric):
            yield Concept(code, names.get(country.alpha_2))


def _country_names(library: Library) -> Mapping[str, str]:
    value_set = library.find("ValueSet", "http://hl7.org/fhir/ValueSet/iso3166-1-2")
    includes = value_set["compose"]["include"] if value_set else ()
    return {each["code"]: each["display"] for include in includes for each in include["concept"] if "display" in each}


def _currencies(_library: Library) -> CodeSystem:
    return CodeSystem(ISO_4217, (Concept(currency.code, currency.name) for currency in currencies()))


def _time_zones(_library: Library) -> CodeSystem:
    return CodeSystem("https://www.iana.org/time-zones", (Concept(name) for name in sorted(available_timezones())))


GRAMMARS: Final[Mapping[str, Make]] = dict(
    (
        _ruled("http://unitsofmeasure.org", _ucum),
        _ruled("urn:ietf:bcp:13", _mime_type),
        _ruled("urn:ietf:bcp:47", is_language),
        _ruled("urn:ietf:rfc:3986", _uri),
        _ruled("http://snomed.info/sct", _snomed, is_known=False),
        _ruled("http://loinc.org", _loinc, is_known=False),
        (ISO_3166, _countries),
        (ISO_4217, _currencies),
        ("https://www.iana.org/time-zones", _time_zones),
    )
)
"""What makes each code system, by its URL."""
