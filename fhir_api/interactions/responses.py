"""What each entry of a transaction is answered with.

Spec: https://hl7.org/fhir/R4/http.html#transaction-response
"""

from __future__ import annotations

from dataclasses import replace

import orjson

from fhir_api.interactions.context import Context
from fhir_api.interactions.entries import EntryExecutor, EntryResponse
from fhir_api.interactions.steps import Step
from fhir_api.interactions.update import written_status
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.outcome import Issue, operation_outcome
from fhir_api.model.versions import instant

_DONE = operation_outcome([Issue("information", "informational", "The interaction was carried out.")])
_FIRST_ERROR = 400
_KINDS = {
    404: ErrorKind.NOT_FOUND,
    405: ErrorKind.METHOD_NOT_ALLOWED,
    410: ErrorKind.DELETED,
    412: ErrorKind.PRECONDITION_FAILED,
    500: ErrorKind.INTERNAL,
    503: ErrorKind.UNAVAILABLE,
}
"""Why a read failed, by its status; all else is a request that is not sound."""


def written_response(step: Step, returns: str | None) -> EntryResponse:
    """Return the answer to an entry that writes; *returns* as in ``Prefer``."""
    outcome = _told(step) if returns == "OperationOutcome" else None
    version = step.version
    if version is None:
        return EntryResponse(204, outcome=outcome)
    if version.is_deletion:
        several = len(step.keys) > 1
        etag, moment = (None, None) if several else (version.etag, instant(version.last_updated))
        return EntryResponse(204, None, etag, moment, outcome=outcome)
    resource_type, logical_id = version.key
    return EntryResponse(
        200 if step.is_found or step.method == "PATCH" else written_status(version),
        f"{resource_type}/{logical_id}/_history/{version.version_id}",
        version.etag,
        instant(version.last_updated),
        version.resource() if returns == "representation" else None,
        outcome,
    )


def _told(step: Step) -> bytes:
    remarks = [remark for write in step.writes for remark in write.remarks]
    return operation_outcome(remarks) if remarks else _DONE


async def read_response(step: Step, context: Context, execute: EntryExecutor) -> EntryResponse:
    """Carry out an entry that reads and return its answer.

    Raises:
        FhirError: the read failed: a transaction is accepted as a whole or not at all.
    """
    response = await execute(context, step.request)
    if response.status >= _FIRST_ERROR:
        raise _failed(step, response)
    return response


def _failed(step: Step, response: EntryResponse) -> FhirError:
    """Make the error of the whole transaction from the answer to an entry that reads."""
    kind = _KINDS.get(response.status, ErrorKind.INVALID)
    place = f"Bundle.entry[{step.place}].request.url"
    error = refuse(kind, f"Reading failed with status {response.status}.", expression=place)
    if response.outcome is not None:
        told = orjson.loads(response.outcome)["issue"]
        error.issues = tuple(
            replace(error.issues[0], code=issue["code"], diagnostics=issue.get("diagnostics", "")) for issue in told
        )
    return error
