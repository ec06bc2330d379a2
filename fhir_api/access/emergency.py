"""Breaking the glass: passing over labels and consents in an emergency, by those whose role may, with a reason.

It lasts as long as the token. Each leaves a Task for those who review it.

Spec: https://terminology.hl7.org/CodeSystem-v3-ActReason.html (``BTG``)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

import orjson

from fhir_api.access.caller import Caller
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.resource import Resource, body, parse
from fhir_api.model.versions import Change, StoredVersion, instant
from fhir_api.search.entries import IndexEntries
from fhir_api.store.port import Expect, TenantStore, Write

SHORTEST: Final = 10
LONGEST: Final = 500
"""Characters of a reason."""
_REVIEW: Final = "review-"
REVIEWS: Final = "https://fhir.stanforis.example/CodeSystem/reviews"

_log = logging.getLogger(__name__)


def read_reason(text: str) -> str:
    """Return the reason that a caller gives for breaking the glass.

    Raises:
        FhirError: MALFORMED: it says too little, or is no plain text.
    """
    reason = text.strip()
    if not SHORTEST <= len(reason) <= LONGEST or not reason.isprintable():
        raise refuse(
            ErrorKind.MALFORMED,
            f"X-Break-Glass gives the reason in {SHORTEST} to {LONGEST} characters.",
            code="value",
        )
    return reason


def is_review(key: ResourceKey) -> bool:
    """Tell whether a key is one of the Tasks that ask for a review."""
    return key.resource_type == "Task" and key.logical_id.startswith(_REVIEW)


def is_of(review: StoredVersion, caller: Caller) -> bool:
    """Tell whether a review is about *caller*, who therefore leaves it alone."""
    return bool(caller.subject) and orjson.dumps(caller.subject) in review.body


def not_permitted() -> FhirError:
    """Make the error of somebody who may not break the glass."""
    return refuse(ErrorKind.FORBIDDEN, "None of your roles may break the glass.")


async def ask_for_review(store: TenantStore, extract: Callable[[Resource], IndexEntries], caller: Caller) -> None:
    """Store the Task that somebody reviews the emergency of *caller*; one for each token and reason.

    Args:
        store: the tenant's, without limits.
        extract: gives the index entries of a resource.
        caller: who breaks the glass, with the reason.
    """
    _log.warning("the glass was broken: subject %s, client %s", caller.subject, caller.client_id)
    told = f"{caller.token_id}\0{caller.emergency}".encode()
    key = ResourceKey("Task", f"{_REVIEW}{sha256(told).hexdigest()[:32]}")
    resource = parse(orjson.dumps(_task(key, caller)))
    write = Write(key, Change.CREATE, body(resource, key), extract(resource), Expect.ABSENT)
    try:
        await store.write([write])
    except FhirError as error:
        # another process was first
        if error.kind is not ErrorKind.CONFLICT:
            raise


def _task(key: ResourceKey, caller: Caller) -> dict[str, Any]:
    task: dict[str, Any] = {
        "resourceType": "Task",
        "id": key.logical_id,
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": {"coding": [{"system": REVIEWS, "code": "break-glass"}], "text": "Review of emergency access"},
        "description": caller.emergency,
        "authoredOn": instant(int(time.time() * 1000)),
        "input": [
            _input("subject", caller.subject),
            _input("client", caller.client_id),
            _input("token", caller.token_id or ""),
        ],
    }
    if caller.fhir_user:
        task["requester"] = {"reference": caller.fhir_user}
    return task


def _input(kind: str, value: str) -> dict[str, Any]:
    return {"type": {"coding": [{"system": REVIEWS, "code": kind}]}, "valueString": value or "unknown"}
