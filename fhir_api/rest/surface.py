"""The REST layer's fixed parts, put together once for each process."""

from __future__ import annotations

from fhir_api.rest.capability import SearchParameters, statement
from fhir_api.rest.cursors import Cursors
from fhir_api.rest.dispatch import compile_routes
from fhir_api.rest.routes import ROUTES
from fhir_api.rest.wiring import Api, ParseSearch


def build_api(
    resource_types: frozenset[str],
    search: SearchParameters,
    parse_search: ParseSearch,
    cursors: Cursors,
    *,
    deletes_multiple: bool = True,
) -> Api:
    """Return what every route is handed.

    Args:
        resource_types: every type this server knows.
        search: the parameters it can search by.
        parse_search: reads search parameters.
        cursors: signs page cursors.
        deletes_multiple: whether one conditional delete may remove several resources.
    """
    return Api(
        root=compile_routes(ROUTES),
        resource_types=resource_types,
        parse_search=parse_search,
        cursors=cursors,
        describe=statement(ROUTES, resource_types, search, deletes_multiple=deletes_multiple),
        deletes_multiple=deletes_multiple,
    )
