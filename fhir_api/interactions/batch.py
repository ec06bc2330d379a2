"""The batch interaction: entries that stand alone, each with its own outcome.

Spec: https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fhir_api.interactions.context import Context
from fhir_api.interactions.entries import EntryExecutor, EntryResponse
from fhir_api.interactions.envelope import Entry
from fhir_api.model.errors import FhirError
from fhir_api.model.outcome import operation_outcome

BAD_REQUEST = 400
AT_ONCE = 4
"""Entries carried out side by side: commits share a flush, and other requests still find a connection."""


async def batch(context: Context, entries: Sequence[Entry], execute: EntryExecutor) -> list[EntryResponse]:
    """Carry out each entry by itself and return the responses in order; no entry's failure touches another."""

    async def one(place: int, entry: Entry) -> EntryResponse:
        try:
            request = entry.as_request(place)
        except FhirError as error:
            return EntryResponse(BAD_REQUEST, outcome=operation_outcome(error.issues))
        return await execute(context, request)

    responses: list[EntryResponse] = []
    for start in range(0, len(entries), AT_ONCE):
        group = enumerate(entries[start : start + AT_ONCE], start)
        responses += await asyncio.gather(*(one(place, entry) for place, entry in group))
    return responses
