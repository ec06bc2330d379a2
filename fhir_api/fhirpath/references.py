"""Where a reference leads without a server: contained resources, entries of a Bundle, or just the type in its text.

Spec: https://hl7.org/fhir/R4/references.html, https://hl7.org/fhir/R4/bundle.html#references
"""

from __future__ import annotations

import re
from typing import Any, Final

from fhir_api.fhirpath import model
from fhir_api.fhirpath.plan import Scope

_TYPE_AND_ID: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")


def resolved(reference: str | None, scope: Scope) -> dict[str, Any] | None:
    """Return the resource that *reference* points to, None where it is not found."""
    if not reference:
        return None
    if reference[0] == "#":
        return _contained(reference[1:], scope)
    found = _in_bundle(reference, scope.root_resource)
    if found is None and scope.environment.resolver is not None:
        return scope.environment.resolver(reference)
    return found


def typed_only(reference: str) -> dict[str, Any] | None:
    """Return a resource with nothing but the type and id that *reference* names, None where it names none.

    As an environment's resolver this answers ``resolve() is Patient``, which search parameters ask, without a store.
    """
    match = _TYPE_AND_ID.fullmatch(reference)
    if match is None or not model.is_resource(match[1]):
        return None
    return {"resourceType": match[1], "id": match[2]}


def _contained(local_id: str, scope: Scope) -> dict[str, Any] | None:
    for container in (scope.resource, scope.root_resource):
        if type(container) is not dict:
            continue
        if not local_id:
            return container
        for resource in container.get("contained", ()):
            if resource.get("id") == local_id:
                found: dict[str, Any] = resource
                return found
    return None


def _in_bundle(reference: str, root: Any) -> dict[str, Any] | None:
    if type(root) is not dict or root.get("resourceType") != "Bundle":
        return None
    for entry in root.get("entry", ()):
        full_url = entry.get("fullUrl", "")
        if "resource" in entry and (full_url == reference or full_url.endswith(f"/{reference}")):
            found: dict[str, Any] = entry["resource"]
            return found
    return None
