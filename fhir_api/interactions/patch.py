"""The patch interaction, by id and conditional.

Spec: https://hl7.org/fhir/R4/http.html#patch
"""

from __future__ import annotations

from typing import Any

from fhir_api.interactions.conditions import criteria, lock_name, one_match
from fhir_api.interactions.context import Context, Written
from fhir_api.interactions.preparing import consult, prepare
from fhir_api.interactions.read import read
from fhir_api.interactions.retrying import retried
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.resource import Resource, parse
from fhir_api.model.versions import Change, StoredVersion, instant
from fhir_api.patching.documents import Patch
from fhir_api.store.collisions import CollisionError
from fhir_api.store.port import Reader, TenantStore, Transaction, Write

OK = 200


async def patch(context: Context, key: ResourceKey, document: Patch, *, if_match: int | None = None) -> Written:
    """Apply *document* to the current version and store the result; it is checked like an update.

    Raises:
        FhirError: NOT_FOUND, DELETED, PRECONDITION_FAILED, UNPROCESSABLE, INVALID, TOO_LARGE.
    """

    async def attempt() -> Written:
        return await _patch_once(context, context.store, key, document, if_match)

    return await retried(attempt)


async def conditional_patch(
    context: Context, resource_type: str, query: str, document: Patch, *, if_match: int | None = None
) -> Written:
    """Patch the one resource that matches *query*.

    Raises:
        FhirError: NOT_FOUND when none matches, PRECONDITION_FAILED when several do; as :func:`patch`.
    """
    clauses = await criteria(context, context.store, resource_type, query)

    async def attempt() -> Written:
        async with context.store.transaction([lock_name(resource_type, query)]) as transaction:
            key = await one_match(transaction, resource_type, clauses)
            if key is None:
                raise refuse(ErrorKind.NOT_FOUND, f"No {resource_type} matches the criteria.")
            return await _patch_once(context, transaction, key, document, if_match)

    return await retried(attempt)


async def _patch_once(
    context: Context, store: TenantStore | Transaction, key: ResourceKey, document: Patch, if_match: int | None
) -> Written:
    write = await patched(context, store, key, document, if_match)
    try:
        (version,) = await store.write([write])
    except FhirError as error:
        # the version that was patched is no longer current; only a client that named it wants to know
        if error.kind is ErrorKind.PRECONDITION_FAILED and if_match is None:
            raise CollisionError from error
        raise
    return Written(version, OK, write.remarks)


async def patched(context: Context, store: Reader, key: ResourceKey, document: Patch, if_match: int | None) -> Write:
    """Return the write that replaces the current version of *key* by what *document* makes of it.

    Raises:
        FhirError: NOT_FOUND, DELETED, PRECONDITION_FAILED, UNPROCESSABLE, INVALID, TOO_LARGE.
    """
    current = await read(store, key)
    if if_match is not None and current.version_id != if_match:
        raise refuse(
            ErrorKind.PRECONDITION_FAILED,
            f"Version {if_match} of {key} was expected, version {current.version_id} is current.",
        )
    resource = parse(document.apply(current.resource()))
    _refuse_changed_stamps(current, resource)
    return await prepare(
        context, resource, key, Change.PATCH, expected=current.version_id, consultation=consult(context, store)
    )


def _refuse_changed_stamps(current: StoredVersion, resource: Resource) -> None:
    """Refuse a patch that changes what is the server's; a patch that leaves ``meta`` out changes nothing of it."""
    if (resource.resource_type, resource.logical_id) != current.key:
        raise refuse(ErrorKind.UNPROCESSABLE, "A patch may not change 'resourceType' or 'id'.")
    meta: Any = resource.tree.get("meta")
    stamps = {"versionId": str(current.version_id), "lastUpdated": instant(current.last_updated)}
    for name, value in stamps.items():
        if type(meta) is dict and meta.get(name, value) != value:
            place = f"{resource.resource_type}.meta.{name}"
            raise refuse(ErrorKind.UNPROCESSABLE, f"A patch may not change 'meta.{name}'.", expression=place)
