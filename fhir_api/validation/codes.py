"""How much is asked of codes: nothing, what refuses a write, or all there is to say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from conformance.types import Binding
from fhir_api.model.outcome import Issue
from fhir_api.terminology import Terminology
from fhir_api.validation.bindings import binding_issues, coding_issues
from fhir_api.validation.primitives import Json


@dataclass(frozen=True, slots=True)
class Codes:
    """Asks a terminology for the issues of coded values.

    Attributes:
        terminology: None where nothing is asked.
        only_errors: what does not refuse a write is left out, and so is what a code system says of its own codes.
    """

    terminology: Terminology | None = None
    only_errors: bool = True

    def of_binding(self, binding: Binding, coded: Json, type_code: str, path: str) -> Iterable[Issue]:
        """Return the issues of a coded value under the binding of its element."""
        if self.terminology is None or (self.only_errors and binding.strength != "required"):
            return ()
        issues = binding_issues(self.terminology, binding, coded, type_code, path)
        return (issue for issue in issues if issue.severity == "error") if self.only_errors else issues

    def of_no_code(self, binding: Binding, type_code: str, path: str) -> Iterable[Issue]:
        """Return the issue of a code that is required, where extensions stand in its place."""
        if self.only_errors or type_code != "code" or binding.strength != "required":
            return ()
        missing = f"Found extensions alone, expected a code of {binding.value_set}."
        return (Issue("error", "code-invalid", missing, (path,), ("binding-required",)),)

    def of_coding(self, coding: Json, path: str) -> Iterable[Issue]:
        """Return the issues of a Coding in itself."""
        if self.terminology is None or self.only_errors:
            return ()
        return coding_issues(self.terminology, coding, path)


UNASKED = Codes()
"""For writes where there is no terminology: nothing is asked."""
