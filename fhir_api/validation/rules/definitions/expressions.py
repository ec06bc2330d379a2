"""FHIRPath in definitions has to be FHIRPath.

Spec: https://hl7.org/fhir/R4/fhirpath.html
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_api import fhirpath
from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.place import Place


def compiles(expression: str, at: Place) -> Iterator[Issue]:
    """Check that an expression can be compiled."""
    try:
        fhirpath.compile(expression)
    except fhirpath.FhirPathError as error:
        yield at.error("invalid", f"The expression is no FHIRPath: {error}")
