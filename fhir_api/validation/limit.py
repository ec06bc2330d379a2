"""How many issues are told.

Spec: https://hl7.org/fhir/R4/operationoutcome.html
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from fhir_api.model.outcome import Issue

MAX_TOLD: Final = 100
"""How many issues are told at most; one more says that there are others."""
_MAX_FOUND: Final = 10_000
_SEVERITIES: Final = ("fatal", "error", "warning", "information")


def limited(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Return issues as they come; of too many the gravest, and a last one that says so."""
    found = list(islice(issues, _MAX_FOUND))
    if len(found) <= MAX_TOLD:
        return tuple(found)
    gravest = sorted(found, key=lambda issue: _SEVERITIES.index(issue.severity))
    more = Issue("information", "incomplete", f"More issues were found; {MAX_TOLD} are told.", details=("more-issues",))
    return (*gravest[:MAX_TOLD], more)
