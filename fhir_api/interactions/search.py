"""The search interaction.

Spec: https://hl7.org/fhir/R4/http.html#search
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.search.query import Query
from fhir_api.store.port import Page, Reader

_VERSIONED: Final = re.compile(rb'"reference"\s*:\s*"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})/_history/([0-9]{1,9})"')


async def search(store: Reader, query: Query) -> Page:
    """Return one page of the resources that match *query*, with what its includes add."""
    page = await store.search(query)
    return await _as_referenced(store, page) if page.included else page


async def _as_referenced(store: Reader, page: Page) -> Page:
    """Return *page* with the versions of what is included that its references name.

    Spec: https://hl7.org/fhir/R4/search.html#versions
    """
    named = _named((*page.matches, *page.included))
    return replace(page, included=[await _version(store, each, named) for each in page.included]) if named else page


def _named(versions: Iterable[StoredVersion]) -> dict[ResourceKey, int]:
    """Return the version that a reference names, for each resource of which one does."""
    bodies = (version.body for version in versions if b"/_history/" in version.body)
    return {
        ResourceKey(resource_type.decode(), logical_id.decode()): int(number)
        for body in bodies
        for resource_type, logical_id, number in _VERSIONED.findall(body)
    }


async def _version(store: Reader, current: StoredVersion, named: dict[ResourceKey, int]) -> StoredVersion:
    number = named.get(current.key)
    if number is None or number == current.version_id:
        return current
    found = await store.version(current.key, number)
    return current if found is None or found.is_deletion else found
