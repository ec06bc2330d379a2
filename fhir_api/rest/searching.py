"""Search of a type, of all types and of a compartment, by GET and by POST.

Spec: https://hl7.org/fhir/R4/http.html#search
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from functools import partial

from msgspec.structs import replace

from conformance.compartments import compartments
from fhir_api.interactions import search as search_interaction
from fhir_api.interactions.contained import contained_types, search_contained
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.rest import bundles
from fhir_api.rest.cursors import CURSOR_PARAMETER
from fhir_api.rest.headers import preferences
from fhir_api.rest.negotiation import PRESENTATION_PARAMETERS
from fhir_api.rest.paging import page_links, query_text
from fhir_api.rest.request import Pair, Request
from fhir_api.rest.response import Response
from fhir_api.rest.subset import show
from fhir_api.rest.watching import EXPLAIN_PARAMETER, asks_for_plan, plans, slow_logged
from fhir_api.rest.wiring import Api
from fhir_api.search.code_sets import CodeSets, asks_for_codes
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.parse import ParsedQuery
from fhir_api.search.query import Query
from fhir_api.store.port import Page
from fhir_api.terminology import Terminology

_NOT_SEARCHED = PRESENTATION_PARAMETERS | {CURSOR_PARAMETER, EXPLAIN_PARAMETER}


async def search_system(api: Api, context: Context, request: Request) -> Response:
    """Answer ``GET /`` and ``POST /_search``."""
    return await _search(api, context, request, "", None)


async def search_type(api: Api, context: Context, request: Request) -> Response:
    """Answer ``GET /{type}`` and ``POST /{type}/_search``."""
    resource_type = request.segments[0]
    return await _search(api, context, request, resource_type, resource_type)


async def search_compartment(api: Api, context: Context, request: Request) -> Response:
    """Answer ``GET /{type}/{id}/{type}``, ``GET /{type}/{id}/*`` and their ``_search`` forms."""
    centre, logical_id, inside = request.segments[:3]
    members = compartments().get(centre)
    if members is None:
        raise refuse(ErrorKind.NOT_FOUND, f"R4 has no compartment of type '{centre}'.", code="not-supported")
    if inside != "*" and inside not in members:
        diagnostics = f"'{inside}' is never in the compartment of a {centre}."
        raise refuse(ErrorKind.NOT_FOUND, diagnostics, code="not-supported")
    path = f"{centre}/{logical_id}/{inside}"
    resource_type = None if inside == "*" else inside
    return await _search(api, context, request, path, resource_type, (centre, logical_id))


async def _search(
    api: Api,
    context: Context,
    request: Request,
    path: str,
    resource_type: str | None,
    compartment: tuple[str, str] | None = None,
) -> Response:
    pairs = [pair for pair in request.query if pair[0] not in _NOT_SEARCHED]
    lenient = preferences(request.header(b"prefer")).lenient
    understood = await _understood(api, context, resource_type, pairs, compartment, lenient=lenient)
    query = understood.query
    text = query_text(path, understood.used)
    cursors = api.cursors.of(context.caller.tenant)
    cursor = _cursor(request)
    if cursor is not None:
        query = replace(query, cursor=cursors.open(text, cursor))
    if asks_for_plan(request, allowed=api.explains_searches):
        return await plans(context, query, understood.used)
    with slow_logged(api.slow_search, resource_type or "*", understood.used):
        page = await _carried_out(context, query, understood)
    following = None if page.next_cursor is None else cursors.seal(text, page.next_cursor)
    shown = [*understood.used, *(pair for pair in request.query if pair[0] in _NOT_SEARCHED)]
    links = page_links(context.base_url, path, shown, following)
    shows = show(query.summary, query.elements), show(query.summary, ())
    page = _counted(page, query, understood.used)
    body = bundles.searchset(context.base_url, page, shows, links, understood.issues, is_scored=understood.is_scored)
    return Response(200, body)


async def _carried_out(context: Context, query: Query, understood: ParsedQuery) -> Page:
    if understood.contained == "false":
        return await search_interaction.search(context.store, query)
    return await search_contained(context.store, query, understood.inside, only=understood.contained == "true")


def _counted(page: Page, query: Query, used: Iterable[Pair]) -> Page:
    """Return *page* with the total of a search that it shows as a whole, unless the client does not want one."""
    is_whole = page.next_cursor is None and query.cursor is None
    if page.total is not None or not is_whole or any(name == "_total" for name, _ in used):
        return page
    return dataclasses.replace(page, total=len(page.matches) + len(page.contained))


async def _understood(
    api: Api,
    context: Context,
    resource_type: str | None,
    pairs: Sequence[Pair],
    compartment: tuple[str, str] | None,
    *,
    lenient: bool,
) -> ParsedQuery:
    inside_any = await _contained_types(api, context, resource_type, pairs)

    async def understand(definitions: SearchDefinitions | None, *, lenient: bool) -> ParsedQuery:
        parse = partial(
            api.parse_search,
            resource_type,
            pairs,
            compartment=compartment,
            lenient=lenient,
            definitions=definitions,
            base_url=context.base_url,
            zone=context.rules.zone,
            contained_types=inside_any,
        )
        if context.definitions is None or not asks_for_codes(pairs):
            return parse()
        consultation = context.definitions.consult(context.store)
        return await consultation.settle(lambda library: parse(codes=CodeSets(library.made(Terminology))))

    if context.parameters is None:
        return await understand(None, lenient=lenient)
    return await context.parameters.understood(context.store, pairs, understand, lenient=lenient)


async def _contained_types(
    api: Api, context: Context, resource_type: str | None, pairs: Sequence[Pair]
) -> Sequence[str] | None:
    """Return the types that are contained somewhere; None where the search does not look at all contained resources."""
    is_asked = any(name == "_contained" and value not in {"", "false"} for name, value in pairs)
    if not is_asked or resource_type is not None or any(name == "_type" for name, _ in pairs):
        return None
    return await contained_types(context.store, sorted(api.resource_types))


def _cursor(request: Request) -> str | None:
    given: list[Pair] = [pair for pair in request.query if pair[0] == CURSOR_PARAMETER]
    if len(given) > 1:
        raise refuse(ErrorKind.MALFORMED, f"{CURSOR_PARAMETER} can be given once.", code="value")
    return given[0][1] if given else None
