"""What can go wrong, as a small closed set of kinds.

The core raises a :class:`FhirError`; only ``fhir_api.rest.errors`` knows which HTTP status belongs to a kind.

Spec: https://hl7.org/fhir/R4/http.html#Status-Codes
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from fhir_api.model.outcome import Issue


class ErrorKind(StrEnum):
    """Every way in which an interaction can be refused."""

    MALFORMED = "malformed"
    """The request cannot be read: bad JSON, bad XML, bad parameter syntax."""
    INVALID = "invalid"
    """The request can be read, but the resource breaks the structure rules of FHIR."""
    UNPROCESSABLE = "unprocessable"
    """The resource is well formed, but a rule forbids it (business rule, reference that cannot be resolved)."""
    NOT_SUPPORTED = "not-supported"
    """A parameter, modifier, option or interaction this server does not have."""
    NOT_FOUND = "not-found"
    DELETED = "deleted"
    CONFLICT = "conflict"
    """Another writer was faster, or two entries of a transaction touch one resource."""
    PRECONDITION_FAILED = "precondition-failed"
    """If-Match, If-None-Match did not hold, or criteria that may match one resource matched several."""
    METHOD_NOT_ALLOWED = "method-not-allowed"
    NOT_ACCEPTABLE = "not-acceptable"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    TOO_LARGE = "too-large"
    URI_TOO_LONG = "uri-too-long"
    UNAUTHORIZED = "unauthorized"
    """Nobody showed who they are, or not in a way that is believed."""
    FORBIDDEN = "forbidden"
    THROTTLED = "throttled"
    """The requests that the tenant's plan has for a time are used up."""
    FULL = "full"
    """The tenant's plan has no room for more resources."""
    TOO_COSTLY = "too-costly"
    """The request ran into a cost limit; a narrower one may succeed."""
    UNAVAILABLE = "unavailable"
    """The store cannot answer at the moment; the same request may succeed later."""
    INTERNAL = "internal"


class FhirError(Exception):
    """An interaction was refused.

    Attributes:
        kind: the category that decides the HTTP status.
        issues: what is told to the client; at least one.
        challenge: how the client can show that it may do this, as ``WWW-Authenticate`` says it; None where that is not
            the point.
    """

    kind: ErrorKind
    issues: tuple[Issue, ...]
    challenge: str | None

    def __init__(self, kind: ErrorKind, *issues: Issue) -> None:
        super().__init__(issues[0].diagnostics if issues else kind.value)
        self.kind = kind
        self.issues = issues
        self.challenge = None


def refuse(kind: ErrorKind, diagnostics: str, *, code: str | None = None, expression: str | None = None) -> FhirError:
    """Make an error with one issue; *code* defaults to the issue type that goes with *kind*."""
    expressions = (expression,) if expression else ()
    return FhirError(kind, Issue("error", code or ISSUE_CODES[kind], diagnostics, expressions))


def invalid(issues: Sequence[Issue]) -> FhirError:
    """Make the error of a resource that breaks the structure rules."""
    return FhirError(ErrorKind.INVALID, *issues)


ISSUE_CODES: dict[ErrorKind, str] = {
    ErrorKind.MALFORMED: "structure",
    ErrorKind.INVALID: "invalid",
    ErrorKind.UNPROCESSABLE: "processing",
    ErrorKind.NOT_SUPPORTED: "not-supported",
    ErrorKind.NOT_FOUND: "not-found",
    ErrorKind.DELETED: "deleted",
    ErrorKind.CONFLICT: "conflict",
    ErrorKind.PRECONDITION_FAILED: "conflict",
    ErrorKind.METHOD_NOT_ALLOWED: "not-supported",
    ErrorKind.NOT_ACCEPTABLE: "not-supported",
    ErrorKind.UNSUPPORTED_MEDIA_TYPE: "not-supported",
    ErrorKind.TOO_LARGE: "too-long",
    ErrorKind.URI_TOO_LONG: "too-long",
    ErrorKind.UNAUTHORIZED: "login",
    ErrorKind.FORBIDDEN: "forbidden",
    ErrorKind.THROTTLED: "throttled",
    ErrorKind.FULL: "business-rule",
    ErrorKind.TOO_COSTLY: "too-costly",
    ErrorKind.UNAVAILABLE: "transient",
    ErrorKind.INTERNAL: "exception",
}
"""The issue type (http://hl7.org/fhir/issue-type) that goes with each kind."""
