"""The whole REST surface, one line a route.

Spec: https://hl7.org/fhir/R4/http.html#summary
"""

from __future__ import annotations

from fhir_api.operations.table import OPERATIONS
from fhir_api.rest import batching, capability, operating, reading, searching, writing
from fhir_api.rest.body import BUNDLE, FORM, PATCH, RESOURCE
from fhir_api.rest.wiring import Route

ROUTES: tuple[Route, ...] = (
    # the whole server
    Route("POST", "/", "transaction", batching.bundle, BUNDLE),
    Route("GET", "/", "search-system", searching.search_system),
    Route("POST", "/_search", "search-system", searching.search_system, FORM),
    Route("GET", "/_history", "history-system", reading.history),
    Route("GET", "/metadata", "capabilities", capability.capabilities),
    # a type
    Route("GET", "/{type}", "search-type", searching.search_type),
    Route("POST", "/{type}/_search", "search-type", searching.search_type, FORM),
    Route("GET", "/{type}/_history", "history-type", reading.history),
    Route("POST", "/{type}", "create", writing.create, RESOURCE),
    Route("PUT", "/{type}", "conditional-update", writing.conditional_update, RESOURCE),
    Route("PATCH", "/{type}", "conditional-patch", writing.conditional_patch, PATCH),
    Route("DELETE", "/{type}", "conditional-delete", writing.conditional_delete),
    # an instance
    Route("GET", "/{type}/{id}", "read", reading.read),
    Route("PUT", "/{type}/{id}", "update", writing.update, RESOURCE),
    Route("PATCH", "/{type}/{id}", "patch", writing.patch, PATCH),
    Route("DELETE", "/{type}/{id}", "delete", writing.delete),
    Route("GET", "/{type}/{id}/_history", "history-instance", reading.history),
    Route("GET", "/{type}/{id}/_history/{version}", "vread", reading.vread),
    # a compartment
    Route("GET", "/{type}/{id}/*", "search-compartment", searching.search_compartment),
    Route("POST", "/{type}/{id}/*/_search", "search-compartment", searching.search_compartment, FORM),
    Route("GET", "/{type}/{id}/{type}", "search-compartment", searching.search_compartment),
    Route("POST", "/{type}/{id}/{type}/_search", "search-compartment", searching.search_compartment, FORM),
    # the operations
    *operating.routes(OPERATIONS),
)
