"""OperationOutcome: what is told to a client about a request.

Spec: https://hl7.org/fhir/R4/operationoutcome.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

DETAILS = "https://fhir.stanforis.example/CodeSystem/issue-details"
"""The code system of ``OperationOutcome.issue.details``: what kind of refusal, for a program."""

_LINE: Final = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
_COLUMN: Final = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col"


class Location(NamedTuple):
    """A place in the text of a body, counted from 1; columns are characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of an OperationOutcome.

    Attributes:
        severity: ``fatal | error | warning | information``.
        code: a code of http://hl7.org/fhir/issue-type.
        diagnostics: what was found and what was expected, for a person; never a value of a patient.
        expressions: FHIRPath places in the resource, such as ``Patient.contact[0].gender``.
        details: codes of the kind of refusal that stay the same, the general one first: ``("invariant", "obs-6")``.
        location: where the element stands in the body as it was sent.
    """

    severity: str
    code: str
    diagnostics: str
    expressions: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    location: Location | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the ``OperationOutcome.issue`` element."""
        issue: dict[str, Any] = {"severity": self.severity, "code": self.code, "diagnostics": self.diagnostics}
        if self.location is not None:
            places = zip((_LINE, _COLUMN), self.location, strict=True)
            issue["extension"] = [{"url": url, "valueInteger": number} for url, number in places]
        if self.details:
            issue["details"] = {"coding": [{"system": DETAILS, "code": code} for code in self.details]}
        if self.expressions:
            issue["expression"] = list(self.expressions)
        return issue


def operation_outcome(issues: Iterable[Issue]) -> bytes:
    """Return an OperationOutcome as compact JSON."""
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue.as_json() for issue in issues]})
