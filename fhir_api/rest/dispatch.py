"""From a request to the route that answers it, for HTTP and for entries of a Bundle alike.

Spec: https://hl7.org/fhir/R4/http.html#summary
"""

from __future__ import annotations

from collections.abc import Iterable

from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import is_logical_id
from fhir_api.rest.errors import refusal
from fhir_api.rest.request import Request
from fhir_api.rest.response import Response
from fhir_api.rest.wiring import Api, Node, Route

_UNREACHABLE = (".", "..")
"""Ids that every URL library takes for a step in the path."""


def compile_routes(routes: Iterable[Route]) -> Node:
    """Return the tree of places that *routes* describe."""
    root = Node()
    for route in routes:
        node = root
        for part in route.path.split("/"):
            if part:
                node = _below(node, part)
        node.routes[route.method] = route
    return root


def find(api: Api, segments: tuple[str, ...]) -> Node:
    """Return the place of a path.

    Raises:
        FhirError: NOT_FOUND, naming the resource type or operation that is unknown.
    """
    node = api.root
    for segment in segments:
        below = node.literals.get(segment)
        if below is None:
            if node.of_type is not None and segment in api.resource_types:
                below = node.of_type
            elif node.of_id is not None and is_logical_id(segment) and segment not in _UNREACHABLE:
                below = node.of_id
            else:
                raise _unknown(node, segment)
        node = below
    return node


async def dispatch(api: Api, context: Context, request: Request) -> Response:
    """Carry out a request whose body is ready; GET and HEAD are the same here.

    Raises:
        FhirError: whatever the interaction refuses.
    """
    node = find(api, request.segments)
    route = node.routes.get(request.method)
    if route is None:
        return not_allowed(node, request.method)
    return await route.handler(api, context, request)


def not_allowed(node: Node, method: str) -> Response:
    """Return the answer to a method that a place does not have: 405 with ``Allow``, or 404 where nothing ends."""
    if not node.routes:
        return refusal(refuse(ErrorKind.NOT_FOUND, "There is nothing at this URL.", code="not-supported"))
    methods = [*node.routes, "HEAD"] if "GET" in node.routes else [*node.routes]
    allowed = ", ".join(methods)
    error = refuse(ErrorKind.METHOD_NOT_ALLOWED, f"{method[:20]} is not possible here; possible: {allowed}.")
    return refusal(error, (b"allow", allowed.encode()))


def _below(node: Node, part: str) -> Node:
    match part:
        case "{type}":
            node.of_type = node.of_type or Node()
            return node.of_type
        case "{id}" | "{version}":
            node.of_id = node.of_id or Node()
            return node.of_id
        case _:
            return node.literals.setdefault(part, Node())


def _unknown(node: Node, segment: str) -> FhirError:
    shown = segment[:64]
    if segment.startswith("$"):
        return refuse(ErrorKind.NOT_FOUND, f"There is no operation '{shown}' here.", code="not-supported")
    if node.of_type is not None:
        return refuse(ErrorKind.NOT_FOUND, f"'{shown}' is not a resource type of FHIR R4.", code="not-supported")
    if node.of_id is not None:
        return refuse(ErrorKind.NOT_FOUND, "The id in the URL is not one: [A-Za-z0-9-.]{1,64} is.", code="value")
    return refuse(ErrorKind.NOT_FOUND, "There is nothing at this URL.", code="not-supported")
