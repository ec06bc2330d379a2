"""OperationOutcome: what is told to a client about a request.

Spec: https://hl7.org/fhir/R4/operationoutcome.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of an OperationOutcome.

    Attributes:
        severity: ``fatal | error | warning | information``.
        code: a code of http://hl7.org/fhir/issue-type.
        diagnostics: what was found and what was expected, for a person; never a value of a patient.
        expressions: FHIRPath places in the resource, such as ``Patient.contact[0].gender``.
    """

    severity: str
    code: str
    diagnostics: str
    expressions: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the ``OperationOutcome.issue`` element."""
        issue: dict[str, Any] = {"severity": self.severity, "code": self.code, "diagnostics": self.diagnostics}
        if self.expressions:
            issue["expression"] = list(self.expressions)
        return issue


def operation_outcome(issues: Iterable[Issue]) -> bytes:
    """Return an OperationOutcome as compact JSON."""
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue.as_json() for issue in issues]})
