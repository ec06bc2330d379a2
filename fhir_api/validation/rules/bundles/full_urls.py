"""``Bundle.entry.fullUrl``: there where it has to be, absolute, and of the resource it stands beside.

Spec: https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.fullUrl
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fhir_api.model.outcome import Issue
from fhir_api.model.references import parse_restful
from fhir_api.validation.references import RESOURCE_TYPES
from fhir_api.validation.rules.bundles.entries import Entry
from fhir_api.validation.rules.place import Place, Tree

_NEEDS_NONE: Final = frozenset({"transaction", "transaction-response", "batch", "batch-response"})
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:.+")


def full_urls(_bundle: Tree, place: Place) -> Iterator[Issue]:
    """Check the ``fullUrl`` of each entry."""
    entries = place.entries
    for entry in entries.all:
        at = place.at(f"entry[{entry.number}]")
        if entry.full_url is not None:
            yield from _full_url(entry, entry.full_url, at)
        elif _has_to_have(entry, entries.bundle_type):
            yield at.error("required", "'fullUrl' is missing; this type of Bundle needs it in each entry.")


def needs_full_urls(bundle_type: str) -> bool:
    """Tell whether each resource in a Bundle of this type has to say who it is."""
    return bundle_type not in _NEEDS_NONE


def _has_to_have(entry: Entry, bundle_type: str) -> bool:
    # what a search says about itself has no identity
    is_outcome = entry.resource["resourceType"] == "OperationOutcome"
    return needs_full_urls(bundle_type) and not (is_outcome and bundle_type == "searchset")


def _full_url(entry: Entry, full_url: str, at: Place) -> Iterator[Issue]:
    if not _ABSOLUTE.fullmatch(full_url):
        yield at.error("value", "Found a relative URL, expected an absolute one.", "fullUrl")
        return
    restful = parse_restful(full_url)
    if restful is None or restful.key.resource_type not in RESOURCE_TYPES:
        return
    if "id" not in entry.resource:
        if restful.version_id is None:
            yield at.error("required", "The URL is that of a stored resource, but the resource has no id.", "fullUrl")
    elif f"{restful.key.resource_type}/{restful.key.logical_id}" != entry.key:
        expected = f"{entry.resource['resourceType']} and the resource's id"
        yield at.error("value", f"Found a URL of another resource, expected one that ends with {expected}.", "fullUrl")
