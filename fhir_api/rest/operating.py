"""Operations over REST: their routes, their parameters by GET and POST, their answers.

Spec: https://hl7.org/fhir/R4/operations.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fhir_api.access.operations import check_operation
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.outcome import operation_outcome
from fhir_api.operations.arguments import Argument, Arguments
from fhir_api.operations.checking import check
from fhir_api.operations.operation import Body, Call, Findings, Level, Listing, Operation
from fhir_api.operations.reading import from_body, from_url, inputs
from fhir_api.rest import bundles
from fhir_api.rest.body import OPERATION, resource_json
from fhir_api.rest.cursors import CURSOR_PARAMETER
from fhir_api.rest.headers import preferences
from fhir_api.rest.locating import located
from fhir_api.rest.negotiation import PRESENTATION_PARAMETERS, check_body_type, media_type
from fhir_api.rest.paging import page_links, query_text
from fhir_api.rest.request import Pair, Request
from fhir_api.rest.response import Response
from fhir_api.rest.subset import show
from fhir_api.rest.wiring import Api, Handler, Route
from fhir_api.store.limits import RequestClass, counted_as

_PATHS = {Level.SYSTEM: "/${code}", Level.TYPE: "/{{type}}/${code}", Level.INSTANCE: "/{{type}}/{{id}}/${code}"}
_OF_VERSION = "/{{type}}/{{id}}/_history/{{version}}/${code}"
_NOT_PARAMETERS = PRESENTATION_PARAMETERS | {CURSOR_PARAMETER}
_WHOLE = show(None, ())


def routes(operations: Iterable[Operation]) -> tuple[Route, ...]:
    """Return the routes of *operations*; those of one code and level share theirs, the type in the URL chooses."""
    placed: dict[tuple[str, Level], list[Operation]] = {}
    for operation in operations:
        for level in sorted(operation.levels):
            placed.setdefault((_PATHS[level].format(code=operation.code), level), []).append(operation)
        if operation.has_versions:
            placed.setdefault((_OF_VERSION.format(code=operation.code), Level.INSTANCE), []).append(operation)
    return tuple(route for (path, level), found in placed.items() for route in _routes(path, level, found))


def _routes(path: str, level: Level, operations: list[Operation]) -> Iterable[Route]:
    handler = _handler(level, operations)
    if not any(operation.affects_state for operation in operations):
        yield Route("GET", path, "operation", handler)
    yield Route("POST", path, "operation", handler, OPERATION)


def _handler(level: Level, operations: list[Operation]) -> Handler:
    async def operate(api: Api, context: Context, request: Request) -> Response:
        operation = _chosen(level, operations, request)
        if context.access is not None:
            check_operation(context.access, operation.definition.resource)
        cursors = api.cursors.of(context.caller.tenant)
        call = replace(_call(context, level, operation, request), cursors=cursors)
        pairs = _pairs(call)
        path = "/".join(request.segments)
        cursor = _cursor(request)
        if cursor is not None:
            call = replace(call, cursor=cursors.open(query_text(path, pairs), cursor))
        with counted_as(RequestClass.OPERATION):
            answer = await operation.handler(context, call)
        if isinstance(answer, Listing):
            return _searchset(api, context, request, pairs, answer)
        if isinstance(answer, Findings):
            issues = located(answer.issues, request, request.body, inside=answer.place)
            return Response(200, operation_outcome(issues))
        own = None if answer.media_type is None else answer.media_type.encode()
        return Response(answer.status, answer.content, answer.stored, answer.stored is not None, own)

    return operate


def _chosen(level: Level, operations: list[Operation], request: Request) -> Operation:
    """Return the operation of the type in the URL.

    Raises:
        FhirError: NOT_FOUND where the type has none of this code.
    """
    if level is Level.SYSTEM:
        return operations[0]
    resource_type = request.segments[0]
    for operation in operations:
        if operation.is_on(resource_type):
            return operation
    diagnostics = f"There is no operation '${operations[0].code}' on {resource_type}."
    raise refuse(ErrorKind.NOT_FOUND, diagnostics, code="not-supported")


def _call(context: Context, level: Level, operation: Operation, request: Request) -> Call:
    """Return what the request asks for, checked against the definition.

    Raises:
        FhirError: MALFORMED, NOT_SUPPORTED, UNSUPPORTED_MEDIA_TYPE, INVALID.
    """
    body, given = _body(context, operation, request)
    asked = [pair for pair in request.query if pair[0] not in _NOT_PARAMETERS]
    given = [*from_url(operation.definition, asked), *given]
    known = inputs(operation.definition)
    criteria: tuple[Pair, ...] = ()
    others = [argument for argument in given if argument.name not in known]
    if operation.is_search:
        criteria = tuple((other.name, other.text) for other in others if other.text is not None)
        others = [other for other in others if other.text is None]
    if preferences(request.header(b"prefer")).lenient:
        others = []
    arguments = [argument for argument in given if argument.name in known]
    check(known, [*arguments, *others], is_complete=body is None)
    segments = request.segments
    return Call(
        level,
        "" if level is Level.SYSTEM else segments[0],
        segments[1] if level is Level.INSTANCE else "",
        segments[3] if segments[2:3] == ("_history",) else "",
        Arguments(tuple(arguments)),
        criteria,
        body=body,
    )


def _body(context: Context, operation: Operation, request: Request) -> tuple[Body | None, list[Argument]]:
    """Return a body of another media type than FHIR's, or the arguments in one that is FHIR."""
    header = request.header(b"content-type")
    if not request.body and header is None:
        return None, []
    if header is not None:
        content_type = media_type(header)
        if content_type.name in operation.media_types:
            check_body_type(content_type)
            return Body(content_type.name, request.body), []
        if not request.body:
            return None, []
        # an entry of a Bundle has no header, and is JSON
        request = request._replace(body=resource_json(content_type, request.body))
    return None, from_body(context, operation.definition, request.body)


def _pairs(call: Call) -> list[Pair]:
    """Return the parameters as they stand in a URL: what a link to another page repeats."""
    simple = [(argument.name, argument.text) for argument in call.arguments]
    return [*((name, text) for name, text in simple if text is not None), *call.criteria]


def _cursor(request: Request) -> str | None:
    given = [value for name, value in request.query if name == CURSOR_PARAMETER]
    if len(given) > 1:
        raise refuse(ErrorKind.MALFORMED, f"{CURSOR_PARAMETER} can be given once.", code="value")
    return given[0] if given else None


def _searchset(api: Api, context: Context, request: Request, pairs: list[Pair], listing: Listing) -> Response:
    page, path = listing.page, "/".join(request.segments)
    following = (
        None
        if page.next_cursor is None
        else api.cursors.of(context.caller.tenant).seal(query_text(path, pairs), page.next_cursor)
    )
    shown = [*pairs, *(pair for pair in request.query if pair[0] in _NOT_PARAMETERS)]
    links = page_links(context.base_url, path, shown, following)
    return Response(200, bundles.searchset(context.base_url, page, (_WHOLE, _WHOLE), links, listing.issues))


def claims(operations: Iterable[Operation], resource_type: str | None) -> list[dict[str, str]]:
    """Return what the CapabilityStatement says of the operations on a type, or (None) on the whole server."""
    return [
        {"name": operation.code, "definition": operation.definition.url}
        for operation in operations
        if (Level.SYSTEM in operation.levels if resource_type is None else _is_claimed(operation, resource_type))
    ]


def _is_claimed(operation: Operation, resource_type: str) -> bool:
    return operation.is_on(resource_type) and bool(operation.levels - {Level.SYSTEM})
