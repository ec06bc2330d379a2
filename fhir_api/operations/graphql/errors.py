"""Why a query cannot be answered, and where in its text.

Spec: https://spec.graphql.org/October2021/#sec-Errors
"""

from __future__ import annotations

from typing import Any

from graphql import Node, SourceLocation
from graphql.language import get_location

from fhir_api.model.outcome import Issue


class QueryError(Exception):
    """A query was refused.

    Attributes:
        message: what was found and what was expected; never a value of a resource.
        code: of http://hl7.org/fhir/issue-type.
        location: the place in the query, None where there is none.
    """

    def __init__(self, message: str, node: Node | None = None, *, code: str = "invalid") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.location: SourceLocation | None = None
        if node is not None and node.loc is not None:
            self.location = get_location(node.loc.source, node.loc.start)

    def as_json(self) -> dict[str, Any]:
        """Return the answer to the query: no data, one error, with an OperationOutcome as extension."""
        issue = Issue("error", self.code, self.message)
        outcome = {"resourceType": "OperationOutcome", "issue": [issue.as_json()]}
        error: dict[str, Any] = {"message": self.message}
        if self.location is not None:
            error["locations"] = [{"line": self.location.line, "column": self.location.column}]
        return {"errors": [{**error, "extensions": {"resource": outcome}}]}
