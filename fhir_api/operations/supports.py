"""What a record refers to without having it: practitioners, organizations, locations, medications, content.

Spec: https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.resource import Resource, parse_compact
from fhir_api.model.versions import StoredVersion
from fhir_api.operations.links import links
from fhir_api.operations.record import Record
from fhir_api.operations.seen import Seen
from fhir_api.search.definitions import SearchDefinitions

MOST = 5000
"""Resources that one page may bring along; a page that wants more is refused, never cut short in silence."""
_AT_ONCE = 500


async def supports(
    context: Context, record: Record, origins: Sequence[StoredVersion], seen: Seen
) -> list[StoredVersion]:
    """Return what *origins* refer to and what that refers to in turn, each once and none that was *seen*.

    Members of the record are left out, for they come by themselves; so is whatever belongs to another patient.

    Raises:
        FhirError: TOO_COSTLY when it is more than ``MOST``.
    """
    found: list[StoredVersion] = []
    passed = {version.key for version in origins}.union(record.centres)
    while origins:
        targets = _targets(context, origins, passed, seen)
        passed.update(targets)
        origins = []
        for version in await current(context, targets):
            resource = parse_compact(version.resource())
            if is_member(context, record, resource):
                continue
            patients = owners(context, "Patient", resource)
            if patients and record.patients is not None and patients.isdisjoint(record.patients):
                continue
            found.append(version)
            if record.is_followed or not patients:
                origins.append(version)
        if len(found) > MOST:
            diagnostics = f"This page refers to more than {MOST} other resources; ask for a smaller '_count'."
            raise refuse(ErrorKind.TOO_COSTLY, diagnostics)
    return found


def is_member(context: Context, record: Record, resource: Resource) -> bool:
    """Tell whether *resource* is in the compartment that *record* is about."""
    found = owners(context, record.compartment, resource)
    return bool(found) if record.is_of_all else not found.isdisjoint(record.owners)


def owners(context: Context, compartment: str, resource: Resource) -> set[str]:
    """Return whose compartments *resource* is in, such as ``Patient/1``: those of one type."""
    own = {f"{compartment}/{resource.logical_id}"} if resource.resource_type == compartment else set()
    keys = _membership(context.rules.search, compartment, resource.resource_type)
    if not keys:
        return own
    centre = f"{compartment}/"
    references = context.rules.extract(resource).references
    return own.union(
        entry.target for entry in references if entry.parameter in keys and entry.target.startswith(centre)
    )


@cache
def _membership(definitions: SearchDefinitions, compartment: str, resource_type: str) -> frozenset[int]:
    """Return the numbers of the parameters that put a type into a compartment."""
    codes = definitions.compartment(compartment, resource_type)
    found = (definitions.parameter(resource_type, code) for code in codes)
    return frozenset(parameter.key for parameter in found if parameter is not None)


def _targets(
    context: Context, origins: Sequence[StoredVersion], passed: set[ResourceKey], seen: Seen
) -> list[ResourceKey]:
    found = (key for version in origins for key in links(version.body, context.base_url))
    fresh = dict.fromkeys(key for key in found if key not in passed and key not in seen)
    return [key for key in fresh if context.rules.is_resource_type(key.resource_type)]


async def current(context: Context, keys: Sequence[ResourceKey]) -> list[StoredVersion]:
    """Return the current versions of *keys* that are there, in order."""
    found: list[StoredVersion] = []
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        versions = await context.store.currents(some)
        found += [version for key in some if (version := versions.get(key)) is not None and not version.is_deletion]
    return found
