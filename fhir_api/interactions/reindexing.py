"""Beginning to make index entries anew: of resource types, or for search parameters."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.search.refusals import shown
from fhir_api.store.parameters import BUILDING, LIVE, OwnParameter


async def begin(context: Context, types: Sequence[str], *, url: str | None = None, code: str | None = None) -> int:
    """Begin a job, and return its number.

    Args:
        context: of the tenant.
        types: resource types; with a parameter, only those of them that have it.
        url: canonical of a search parameter.
        code: of a search parameter of the types.

    Raises:
        FhirError: MALFORMED when nothing is named, or what is no type; NOT_FOUND for a parameter that is not here.
    """
    for name in types:
        if not context.rules.is_resource_type(name):
            raise refuse(ErrorKind.MALFORMED, f"{shown(name)} is not a resource type.", code="value")
    if url is None and code is None:
        if not types:
            raise refuse(ErrorKind.MALFORMED, "A search parameter or a resource type is needed.", code="required")
        return await context.store.begin_reindex(types)
    if url is None and not types:
        raise refuse(ErrorKind.MALFORMED, "The code of a search parameter needs a type beside it.", code="required")
    own = [
        each.number
        for each in (await context.store.own_parameters()).parameters
        if each.state in (BUILDING, LIVE) and _is_meant(each, types, url, code)
    ]
    if own:
        return await context.store.rebuild(own)
    return await context.store.begin_reindex(_types_of(context, types, url, code))


def _is_meant(parameter: OwnParameter, types: Sequence[str], url: str | None, code: str | None) -> bool:
    definition = parameter.definition
    return (
        url in (None, definition.url)
        and code in (None, definition.code)
        and (not types or not set(types).isdisjoint(definition.base))
    )


def _types_of(context: Context, types: Sequence[str], url: str | None, code: str | None) -> list[str]:
    """Return the types that have the parameter of R4 that is asked for.

    Raises:
        FhirError: NOT_FOUND.
    """
    search = context.rules.search
    found = [
        name
        for name in types or sorted(search.resource_types)
        if any(url in (None, each.url) and code in (None, each.code) for each in search.parameters(name).values())
    ]
    if not found:
        diagnostics = f"There is no search parameter {shown(url or code or '')} that is indexed here."
        raise refuse(ErrorKind.NOT_FOUND, diagnostics)
    return found
