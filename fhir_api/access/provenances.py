"""Provenances tell of other resources: who wrote them, and when. Whoever may not reach those is not told.

Spec: https://hl7.org/fhir/R4/provenance.html
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from fhir_api.model.keys import ResourceKey, is_logical_id
from fhir_api.model.versions import StoredVersion


def told_of(versions: Iterable[StoredVersion]) -> dict[ResourceKey, tuple[ResourceKey, ...]]:
    """Return for each Provenance among *versions*, deletions left out, the resources here that it tells of."""
    return {
        version.key: _targets(version)
        for version in versions
        if version.key.resource_type == "Provenance" and not version.is_deletion
    }


def _targets(version: StoredVersion) -> tuple[ResourceKey, ...]:
    references = (each.get("reference", "") for each in orjson.loads(version.body).get("target", ()))
    parts = (reference.split("/") for reference in references)
    return tuple(ResourceKey(*each[:2]) for each in parts if len(each) in {2, 4} and is_logical_id(each[1]))
