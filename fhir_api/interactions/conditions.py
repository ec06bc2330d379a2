"""Criteria that choose the resource of a conditional interaction.

Spec: https://hl7.org/fhir/R4/http.html#cond-update
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import parse_qsl

from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import Clause
from fhir_api.store.port import Reader


async def criteria(context: Context, reader: Reader, resource_type: str, query: str) -> tuple[Clause, ...]:
    """Return the clauses of *query*, such as ``identifier=http://x|1``.

    *reader* is the tenant's store, or the transaction the request is in: it tells what the tenant defines itself.

    Raises:
        FhirError: there are none, or one is not understood.
    """
    if not context.rules.is_resource_type(resource_type):
        raise refuse(ErrorKind.NOT_SUPPORTED, f"'{resource_type[:64]}' is not a resource type.")
    clauses = await _clauses(context, reader, resource_type, query.removeprefix("?"))
    if not clauses:
        raise refuse(ErrorKind.PRECONDITION_FAILED, f"The criteria for {resource_type} name no search parameter.")
    return clauses


async def _clauses(context: Context, reader: Reader, resource_type: str, query: str) -> tuple[Clause, ...]:
    if context.parameters is None:
        return context.rules.criteria(resource_type, query, base_url=context.base_url)

    async def understand(definitions: SearchDefinitions, *, lenient: bool) -> tuple[Clause, ...]:
        return context.rules.criteria(resource_type, query, definitions, context.base_url)

    pairs = parse_qsl(query, keep_blank_values=True)
    return await context.parameters.understood(reader, pairs, understand, lenient=False)


def lock_name(resource_type: str, query: str) -> str:
    """Return the name of the lock under which criteria are looked up and acted on: one for equal criteria."""
    pairs = sorted(parse_qsl(query.removeprefix("?"), keep_blank_values=True))
    return f"{resource_type}?{pairs}"


async def one_match(
    store: Reader, resource_type: str, clauses: Sequence[Clause], leaving: Collection[ResourceKey] = ()
) -> ResourceKey | None:
    """Return the only resource that matches, or None; those that are *leaving* do not count.

    Raises:
        FhirError: PRECONDITION_FAILED when several match.
    """
    return only_match(resource_type, await store.matching_keys(resource_type, clauses, 2 + len(leaving)), leaving)


def only_match(
    resource_type: str, found: Sequence[ResourceKey], leaving: Collection[ResourceKey] = ()
) -> ResourceKey | None:
    """Return the only one of the keys that were *found*, or None; those that are *leaving* do not count.

    Raises:
        FhirError: PRECONDITION_FAILED when there are several.
    """
    keys = [key for key in found if key not in leaving]
    if len(keys) > 1:
        raise refuse(
            ErrorKind.PRECONDITION_FAILED,
            f"The criteria match more than one {resource_type}; they have to be more selective.",
            code="multiple-matches",
        )
    return keys[0] if keys else None
