"""Code systems whose codes follow a rule, so that they are known, or known to be wrong, without a list.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from zoneinfo import available_timezones

from fhir_api.fhirpath import ucum
from fhir_api.packages.library import Library
from fhir_api.terminology.check_digits import is_loinc, is_snomed
from fhir_api.terminology.code_system import CodeSystem, Concept
from fhir_api.terminology.codes import Contains, Truth
from fhir_api.terminology.languages import is_language

Make = Callable[[Library], CodeSystem]

# RFC 6838, 4.2: names of types and subtypes; RFC 2045, 5.1: parameters.
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_QUOTED: Final = r'"(?:[^"\\\r\n]|\\[^\r\n])*"'
_MIME_TYPE: Final = re.compile(rf"{_NAME}/{_NAME}(?:[ \t]*;[ \t]*{_WORD}=(?:{_WORD}|{_QUOTED}))*")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_COUNTRIES: Final = ("iso3166-1-2", "iso3166-1-3", "iso3166-1-N")


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
    """Return the codes of ISO 3166-1, which R4 lists in three value sets."""
    found = (library.find("ValueSet", f"http://hl7.org/fhir/ValueSet/{name}") for name in _COUNTRIES)
    includes = [include for each in found if each is not None for include in each["compose"]["include"]]
    concepts = [Concept(each["code"], each.get("display")) for include in includes for each in include.get("concept", ())]
    return CodeSystem("urn:iso:std:iso:3166", concepts)


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
        ("urn:iso:std:iso:3166", _countries),
        ("https://www.iana.org/time-zones", _time_zones),
    )
)
"""What makes each code system, by its URL."""
