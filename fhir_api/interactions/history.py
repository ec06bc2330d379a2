"""The history interaction, for an instance, a type and the whole system.

Spec: https://hl7.org/fhir/R4/http.html#history
"""

from __future__ import annotations

from fhir_api.interactions.read import not_found
from fhir_api.model.keys import ResourceKey
from fhir_api.store.port import HistoryQuery, Page, Reader


async def history(store: Reader, query: HistoryQuery) -> Page:
    """Return one page of versions, newest first.

    Raises:
        FhirError: NOT_FOUND for the history of an instance that never was.
    """
    page = await store.history(query)
    if not page.matches and query.resource_type is not None and query.logical_id is not None:
        key = ResourceKey(query.resource_type, query.logical_id)
        if await store.current(key) is None:
            raise not_found(key)
    return page
