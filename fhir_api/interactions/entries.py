"""One entry of a batch or transaction, as a request and as its answer.

Spec: https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.request
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from fhir_api.interactions.context import Context


class EntryRequest(Struct, frozen=True, gc=False):
    """``Bundle.entry.request`` with the entry's resource.

    Attributes:
        method: HTTP verb.
        url: relative to the base, such as ``Patient/1`` or ``Patient?name=x``.
        resource: the resource's JSON, or None.
    """

    method: str
    url: str
    if_match: str | None = None
    if_none_match: str | None = None
    if_none_exist: str | None = None
    if_modified_since: str | None = None
    resource: bytes | None = None


class EntryResponse(Struct, frozen=True, gc=False):
    """``Bundle.entry.response`` with the entry's resource.

    Attributes:
        status: HTTP status code.
        location: versioned, relative to the base: ``Patient/1/_history/1``.
        etag: ``W/"1"``.
        last_modified: a FHIR instant.
        resource: JSON to show as ``entry.resource``.
        outcome: an OperationOutcome's JSON.
    """

    status: int
    location: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    resource: bytes | None = None
    outcome: bytes | None = None


EntryExecutor = Callable[[Context, EntryRequest], Awaitable[EntryResponse]]
"""Carries out one entry through the same dispatch as HTTP."""
