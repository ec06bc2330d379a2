"""Value sets that a URL says everything about, so that nobody writes them down.

Spec: https://hl7.org/fhir/R4/snomedct.html#implicit, https://hl7.org/fhir/R4/loinc.html#implicit
"""

from __future__ import annotations

import re
from typing import Any, Final

from fhir_api.packages.library import Definition

_LOINC: Final = re.compile(r"(?P<system>http://loinc\.org)/vs(?:/(?P<id>[A-Z]+[0-9]+-[0-9]))?")
_ANY: Final = re.compile(r"(?P<system>[^?|]+)\?fhir_vs(?:=(?P<kind>isa|refset|ecl)/(?P<id>[^|]+))?")
_STANDARDS: Final = {
    "http://www.rfc-editor.org/bcp/bcp13.txt": "urn:ietf:bcp:13",
    "http://tools.ietf.org/html/bcp47": "urn:ietf:bcp:47",
}
_NO_FILTER: Final = ("", "")
_FILTERS: Final = {"isa": ("concept", "is-a"), "refset": ("concept", "in"), "ecl": ("constraint", "=")}


def implicit_value_set(canonical: str) -> Definition | None:
    """Return the ValueSet that a canonical stands for by its form, None where it has no such form."""
    if canonical in _STANDARDS:
        return _value_set(canonical, _STANDARDS[canonical], _NO_FILTER, None)
    loinc = _LOINC.fullmatch(canonical)
    if loinc is not None:
        return _value_set(canonical, loinc["system"], ("LIST", "="), loinc["id"])
    other = _ANY.fullmatch(canonical)
    if other is None:
        return None
    return _value_set(canonical, other["system"], _FILTERS.get(other["kind"], _NO_FILTER), other["id"])


def _value_set(canonical: str, system: str, condition: tuple[str, str], value: str | None) -> Definition:
    include: dict[str, Any] = {"system": system}
    if value is not None:
        include["filter"] = [{"property": condition[0], "op": condition[1], "value": value}]
    return {"resourceType": "ValueSet", "url": canonical, "compose": {"include": [include]}}
