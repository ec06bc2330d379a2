"""The create interaction, conditional create with it.

Spec: https://hl7.org/fhir/R4/http.html#create
"""

from __future__ import annotations

from fhir_api.interactions.conditions import criteria, lock_name, one_match
from fhir_api.interactions.context import Context, Written
from fhir_api.interactions.preparing import expect_type, prepare
from fhir_api.interactions.retrying import retried
from fhir_api.model.keys import ResourceKey, new_logical_id
from fhir_api.model.resource import Resource
from fhir_api.model.versions import Change
from fhir_api.store.port import Expect

CREATED, OK = 201, 200


async def create(
    context: Context, resource: Resource, *, expected_type: str, if_none_exist: str | None = None
) -> Written:
    """Store a new resource under an id of the server's (the client's id is ignored).

    With *if_none_exist*, a resource that matches is given back (status 200) instead of making another.

    Raises:
        FhirError: MALFORMED, INVALID; PRECONDITION_FAILED when several match.
    """
    expect_type(resource, expected_type)
    key = ResourceKey(expected_type, new_logical_id())
    write = await prepare(context, resource, key, Change.CREATE, expected=Expect.ABSENT)
    if if_none_exist is None:
        (version,) = await context.store.write([write])
        return Written(version, CREATED, write.remarks)
    clauses = await criteria(context, context.store, expected_type, if_none_exist)

    async def attempt() -> Written:
        # whoever holds the lock sees every match that another holder has made
        async with context.store.transaction([lock_name(expected_type, if_none_exist)]) as transaction:
            match = await one_match(transaction, expected_type, clauses)
            if match is not None:
                return Written(await transaction.current(match), OK)
            (version,) = await transaction.write([write])
            return Written(version, CREATED, write.remarks)

    return await retried(attempt)
