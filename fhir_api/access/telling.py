"""Resources that tell of others: a Provenance who wrote them, an AuditEvent who saw them.

Whoever may not reach a resource is not told of it. A Provenance of nothing else is not there for them; what the audit
trail says of several resources is shown without those, and without the text of searches, which may name others.

Spec: https://hl7.org/fhir/R4/provenance.html, https://hl7.org/fhir/R4/auditevent.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import orjson
from msgspec.structs import replace

from fhir_api.model.keys import ResourceKey, is_logical_id
from fhir_api.model.versions import StoredVersion

TRAIL: Final = "trail-"
"""What the ids of resources begin with that are made from the audit trail, which nobody can store."""
NAMING: Final[Mapping[str, str]] = {"AuditEvent": "entity", "Provenance": "target"}
"""The types that tell of other resources, and the element that does."""

_REDACTED: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "REDACTED"}


def told_of(versions: Iterable[StoredVersion]) -> dict[ResourceKey, tuple[ResourceKey, ...]]:
    """Return for each version that tells of others, deletions left out, the resources here that it tells of."""
    return {
        version.key: tuple(key for each in _named(orjson.loads(version.body)) if (key := _key(each)) is not None)
        for version in versions
        if version.key.resource_type in NAMING and not version.is_deletion
    }


def is_of_trail(key: ResourceKey) -> bool:
    """Tell whether a resource is made from the audit trail."""
    return key.resource_type in NAMING and key.logical_id.startswith(TRAIL)


def without(version: StoredVersion, hidden: Collection[ResourceKey]) -> StoredVersion:
    """Return what the audit trail says without what it tells of *hidden*, and without texts of searches."""
    tree = orjson.loads(version.body)
    told = _named(tree)
    left = [each for each in told if "query" not in each and _key(each) not in hidden]
    if len(left) == len(told):
        return version
    meta = tree.get("meta", {})
    tree["meta"] = meta | {"security": [*meta.get("security", ()), _REDACTED]}
    tree[NAMING[version.key.resource_type]] = left
    return replace(version, body=orjson.dumps({name: value for name, value in tree.items() if value != []}))


def _named(tree: Mapping[str, Any]) -> list[dict[str, Any]]:
    named: list[dict[str, Any]] = tree.get(NAMING[tree["resourceType"]], [])
    return named


def _key(element: Mapping[str, Any]) -> ResourceKey | None:
    """Return the key of the resource here that a target or an entity names."""
    parts = (element.get("reference") or element.get("what", {}).get("reference", "")).split("/")
    return ResourceKey(*parts[:2]) if len(parts) in {2, 4} and is_logical_id(parts[1]) else None
