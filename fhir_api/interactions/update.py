"""The update interaction: by id (also as create) and conditional.

Spec: https://hl7.org/fhir/R4/http.html#update
"""

from __future__ import annotations

from fhir_api.interactions.conditions import criteria, lock_name, one_match
from fhir_api.interactions.context import Context, Written
from fhir_api.interactions.preparing import consult, expect_id, expect_type, prepare
from fhir_api.interactions.retrying import retried
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey, is_logical_id, new_logical_id
from fhir_api.model.resource import Resource
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.store.port import Expect, Reader

CREATED, OK = 201, 200


async def update(
    context: Context,
    key: ResourceKey,
    resource: Resource,
    *,
    if_match: int | None = None,
    if_none_match: bool = False,
) -> Written:
    """Make *resource* the current version of *key*; a key that is not there yet is created (status 201).

    Args:
        context: the request's world.
        key: from the URL; the resource has to say the same.
        resource: the new content.
        if_match: the version that must be current.
        if_none_match: ``If-None-Match: *``: nothing may be there.

    Raises:
        FhirError: MALFORMED, INVALID, PRECONDITION_FAILED.
    """
    expect_type(resource, key.resource_type)
    expect_id(resource, key.logical_id)
    expected: int | Expect = Expect.ANYTHING if if_match is None else if_match
    if if_none_match:
        expected = await vacancy(context.store, key, ErrorKind.PRECONDITION_FAILED)
    write = await prepare(context, resource, key, Change.UPDATE, expected=expected)
    try:
        (version,) = await context.store.write([write])
    except FhirError as error:
        if if_none_match and error.kind is ErrorKind.CONFLICT:
            raise occupied(key, ErrorKind.PRECONDITION_FAILED) from error
        raise
    return Written(version, written_status(version), write.remarks)


def written_status(version: StoredVersion) -> int:
    """Return 201 where the resource was created or brought back to life, else 200.

    Spec: https://hl7.org/fhir/R4/http.html#update
    """
    return CREATED if version.is_new else OK


async def vacancy(store: Reader, key: ResourceKey, kind: ErrorKind) -> int | Expect:
    """Return what a write expects that may only be carried out where nothing is now: nothing ever, or a deletion.

    Raises:
        FhirError: of *kind* when a resource is there.
    """
    current = await store.current(key)
    if current is None:
        return Expect.ABSENT
    if current.is_deletion:
        return current.version_id
    raise occupied(key, kind)


def occupied(key: ResourceKey, kind: ErrorKind) -> FhirError:
    """Make the error of a write that found a resource where nothing was to be."""
    return refuse(kind, f"{key} exists already.")


async def conditional_update(
    context: Context, resource_type: str, query: str, resource: Resource, *, if_match: int | None = None
) -> Written:
    """Update the one resource that matches *query*, or create it when none does.

    Raises:
        FhirError: MALFORMED when the resource's id is not the match's; PRECONDITION_FAILED when several match;
            CONFLICT when none does and the resource's id is taken.
    """
    expect_type(resource, resource_type)
    clauses = await criteria(context, context.store, resource_type, query)

    async def attempt() -> Written:
        async with context.store.transaction([lock_name(resource_type, query)]) as transaction:
            match = await one_match(transaction, resource_type, clauses)
            key, expected = await target(transaction, resource, match, if_match)
            write = await prepare(
                context, resource, key, Change.UPDATE, expected=expected, consultation=consult(context, transaction)
            )
            (version,) = await transaction.write([write])
            return Written(version, written_status(version), write.remarks)

    return await retried(attempt)


async def target(
    store: Reader, resource: Resource, match: ResourceKey | None, if_match: int | None
) -> tuple[ResourceKey, int | Expect]:
    """Return the key that a conditional update writes to, and what must be there.

    Raises:
        FhirError: MALFORMED, PRECONDITION_FAILED; CONFLICT when nothing matches but the resource's id is taken.
    """
    resource_type, logical_id = resource.resource_type, resource.logical_id
    if match is not None:
        if "id" in resource.tree:
            expect_id(resource, match.logical_id)
        return match, if_match if if_match is not None else Expect.ANYTHING
    if if_match is not None:
        raise refuse(ErrorKind.PRECONDITION_FAILED, f"No {resource_type} matches, but a version of one was expected.")
    if "id" not in resource.tree:
        return ResourceKey(resource_type, new_logical_id()), Expect.ABSENT
    if logical_id is None or not is_logical_id(logical_id):
        raise refuse(ErrorKind.MALFORMED, "The resource's id is not a valid id.", expression=f"{resource_type}.id")
    # with an id and no match the interaction is an update as create (http.html#cond-update)
    key = ResourceKey(resource_type, logical_id)
    return key, await vacancy(store, key, ErrorKind.CONFLICT)
