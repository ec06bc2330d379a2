"""The search interaction.

Spec: https://hl7.org/fhir/R4/http.html#search
"""

from __future__ import annotations

from fhir_api.search.query import Query
from fhir_api.store.port import Page, Reader


async def search(store: Reader, query: Query) -> Page:
    """Return one page of the resources that match *query*, with what its includes add."""
    return await store.search(query)
