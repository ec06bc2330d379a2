"""The delete interaction: by id and conditional, of one or of several.

Spec: https://hl7.org/fhir/R4/http.html#delete
"""

from __future__ import annotations

from fhir_api.interactions.conditions import criteria, lock_name
from fhir_api.interactions.context import Context, Written
from fhir_api.interactions.retrying import retried
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.outcome import Issue
from fhir_api.model.versions import Change
from fhir_api.store.port import Expect, Reader, Write

NO_CONTENT = 204


def deletion(key: ResourceKey, if_match: int | None = None) -> Write:
    """Return the write that deletes *key*."""
    return Write(key, Change.DELETE, b"", None, if_match if if_match is not None else Expect.ANYTHING)


async def delete(context: Context, key: ResourceKey, *, if_match: int | None = None) -> Written:
    """Delete a resource; one that is gone, or never was, is as good as deleted.

    Raises:
        FhirError: PRECONDITION_FAILED when *if_match* is not current.
    """
    try:
        (version,) = await context.store.write([deletion(key, if_match)])
    except FhirError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise
        return Written(None, NO_CONTENT, (Issue("information", "not-found", f"{key} was not there."),))
    return Written(version, NO_CONTENT)


async def conditional_delete(context: Context, resource_type: str, query: str, *, multiple: bool) -> Written:
    """Delete what matches *query*: one resource, or with *multiple* all of them, together.

    Raises:
        FhirError: PRECONDITION_FAILED when several match and only one may; TOO_COSTLY when more match than one request
            may delete.
    """

    async def attempt() -> Written:
        async with context.store.transaction([lock_name(resource_type, query)]) as transaction:
            keys = await matches(context, transaction, resource_type, query, multiple=multiple)
            versions = await transaction.write([deletion(key) for key in keys]) if keys else []
        count = Issue("information", "informational", f"{len(versions)} deleted.")
        return Written(versions[0] if len(versions) == 1 else None, NO_CONTENT, (count,))

    return await retried(attempt)


async def matches(
    context: Context, store: Reader, resource_type: str, query: str, *, multiple: bool
) -> list[ResourceKey]:
    """Return the resources that a conditional delete removes.

    Raises:
        FhirError: as :func:`conditional_delete`.
    """
    clauses = await criteria(context, store, resource_type, query)
    most = context.limits.conditional_delete
    keys = await store.matching_keys(resource_type, clauses, most + 1 if multiple else 2)
    if len(keys) > 1 and not multiple:
        raise refuse(
            ErrorKind.PRECONDITION_FAILED,
            f"The criteria match more than one {resource_type}, and only one may be deleted.",
            code="multiple-matches",
        )
    if len(keys) > most:
        raise refuse(ErrorKind.TOO_COSTLY, f"The criteria match more than {most}; delete fewer at a time.")
    return keys
