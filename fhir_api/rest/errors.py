"""The one table from what went wrong to HTTP.

Spec: https://hl7.org/fhir/R4/http.html#Status-Codes
"""

from __future__ import annotations

from dataclasses import replace

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.outcome import Issue, operation_outcome
from fhir_api.rest.response import Header, Response

STATUS: dict[ErrorKind, int] = {
    ErrorKind.MALFORMED: 400,
    ErrorKind.INVALID: 400,
    ErrorKind.NOT_SUPPORTED: 400,
    ErrorKind.UNAUTHORIZED: 401,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.METHOD_NOT_ALLOWED: 405,
    ErrorKind.NOT_ACCEPTABLE: 406,
    ErrorKind.CONFLICT: 409,
    ErrorKind.DELETED: 410,
    ErrorKind.PRECONDITION_FAILED: 412,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.URI_TOO_LONG: 414,
    ErrorKind.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorKind.UNPROCESSABLE: 422,
    ErrorKind.THROTTLED: 429,
    ErrorKind.INTERNAL: 500,
    ErrorKind.TOO_COSTLY: 503,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.FULL: 507,
}
"""The HTTP status of every kind."""

HEADERS: dict[ErrorKind, Header] = {
    ErrorKind.THROTTLED: (b"retry-after", b"600"),
    ErrorKind.TOO_COSTLY: (b"retry-after", b"30"),
    ErrorKind.UNAVAILABLE: (b"retry-after", b"2"),
    # What remains of the body is not read.
    ErrorKind.TOO_LARGE: (b"connection", b"close"),
}
"""The header that goes with a kind."""


def refusal(error: FhirError, *headers: Header) -> Response:
    """Return the answer to a request that was refused: status and OperationOutcome."""
    issues = [_told(issue) for issue in error.issues or refuse(error.kind, "The request was refused.").issues]
    own = HEADERS.get(error.kind)
    if own is not None:
        headers = (*headers, own)
    if error.challenge is not None:
        headers = (*headers, (b"www-authenticate", error.challenge.encode()))
    return Response(STATUS[error.kind], operation_outcome(issues), headers=headers)


def _told(issue: Issue) -> Issue:
    """Return an issue that can stand in a resource: names that a client made up may have control characters."""
    if issue.diagnostics.isprintable():
        return issue
    shown = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in issue.diagnostics
    )
    return replace(issue, diagnostics=shown)


def failure(request_id: str) -> Response:
    """Return the answer to a request that met a fault of the server: nothing but the id to look for in its log."""
    return refusal(
        refuse(ErrorKind.INTERNAL, f"The server failed. Its log has the cause under request id {request_id}.")
    )


def broken_off() -> Response:
    """Return the answer to a request that the server, at its end, no longer waits for."""
    diagnostics = "The server is stopping. Whether this request was carried out is not known: look before repeating it."
    return refusal(refuse(ErrorKind.UNAVAILABLE, diagnostics), (b"connection", b"close"))
