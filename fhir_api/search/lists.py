"""Lists that have a function rather than an id: ``_list=$current-problems`` and the others of R4.

What is current is told by a List resource that refers to it, and by no element of the resource itself.

Spec: https://hl7.org/fhir/R4/lifecycle.html#lists
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_USES: Final = "http://terminology.hl7.org/CodeSystem/list-example-use-codes"
_LOINC: Final = "http://loinc.org"
_ALLERGIES: Final = (
    f"{_USES}|allergies", f"{_USES}|adverserxns", f"{_LOINC}|18716-1", f"{_LOINC}|52472-8", f"{_LOINC}|48765-2",
)  # fmt: skip

CURRENT: Final[Mapping[str, tuple[str, ...]]] = {
    "$current-problems": (f"{_USES}|problems", f"{_LOINC}|46105-3"),
    "$current-medications": (f"{_USES}|medications", f"{_LOINC}|57828-6", f"{_LOINC}|10160-0"),
    "$current-allergies": _ALLERGIES,
    "$current-drug-allergies": _ALLERGIES,
}
"""For each function the codes of the lists that have it."""

DRUGS: Final = ("$current-drug-allergies", "AllergyIntolerance", "category", "medication")
"""The function of a part of such a list: of which type it is, and the parameter and value that tell it apart."""
