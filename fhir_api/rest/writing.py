"""Create, update, patch and delete, each plain and conditional.

Spec: https://hl7.org/fhir/R4/http.html#create, https://hl7.org/fhir/R4/http.html#cond-update
"""

from __future__ import annotations

from http import HTTPStatus

from fhir_api.interactions import create as create_interaction
from fhir_api.interactions import delete as delete_interaction
from fhir_api.interactions import patch as patch_interaction
from fhir_api.interactions import update as update_interaction
from fhir_api.interactions.context import Context, Written
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.outcome import Issue, operation_outcome
from fhir_api.model.resource import parse, parse_json
from fhir_api.rest.headers import if_match, if_none_match_any, preferences
from fhir_api.rest.negotiation import PRESENTATION_PARAMETERS
from fhir_api.rest.paging import encode_query
from fhir_api.rest.reading import check_known
from fhir_api.rest.request import Request
from fhir_api.rest.response import Response
from fhir_api.rest.wiring import Api

_DONE = Issue("information", "informational", "The interaction was carried out.")


async def create(api: Api, context: Context, request: Request) -> Response:
    """Answer ``POST /{type}``, with ``If-None-Exist`` conditionally."""
    check_known(request, PRESENTATION_PARAMETERS)
    written = await create_interaction.create(
        context,
        parse(request.body),
        expected_type=request.segments[0],
        if_none_exist=request.header(b"if-none-exist"),
    )
    return _answer(request, written)


async def update(api: Api, context: Context, request: Request) -> Response:
    """Answer ``PUT /{type}/{id}``; creates what is not there."""
    check_known(request, PRESENTATION_PARAMETERS)
    written = await update_interaction.update(
        context,
        _key(request),
        parse(request.body),
        if_match=if_match(request.header(b"if-match")),
        if_none_match=if_none_match_any(request.header(b"if-none-match")),
    )
    return _answer(request, written)


async def conditional_update(api: Api, context: Context, request: Request) -> Response:
    """Answer ``PUT /{type}?criteria``."""
    written = await update_interaction.conditional_update(
        context,
        request.segments[0],
        _criteria(request),
        parse(request.body),
        if_match=if_match(request.header(b"if-match")),
    )
    return _answer(request, written)


async def patch(api: Api, context: Context, request: Request) -> Response:
    """Answer ``PATCH /{type}/{id}`` with a JSON Patch."""
    check_known(request, PRESENTATION_PARAMETERS)
    written = await patch_interaction.patch(
        context, _key(request), parse_json(request.body), if_match=if_match(request.header(b"if-match"))
    )
    return _answer(request, written)


async def conditional_patch(api: Api, context: Context, request: Request) -> Response:
    """Answer ``PATCH /{type}?criteria``."""
    written = await patch_interaction.conditional_patch(
        context,
        request.segments[0],
        _criteria(request),
        parse_json(request.body),
        if_match=if_match(request.header(b"if-match")),
    )
    return _answer(request, written)


async def delete(api: Api, context: Context, request: Request) -> Response:
    """Answer ``DELETE /{type}/{id}``."""
    check_known(request, PRESENTATION_PARAMETERS)
    written = await delete_interaction.delete(context, _key(request), if_match=if_match(request.header(b"if-match")))
    return _deleted(request, written)


async def conditional_delete(api: Api, context: Context, request: Request) -> Response:
    """Answer ``DELETE /{type}?criteria``."""
    written = await delete_interaction.conditional_delete(
        context, request.segments[0], _criteria(request), multiple=api.deletes_multiple
    )
    return _deleted(request, written)


def _key(request: Request) -> ResourceKey:
    resource_type, logical_id = request.segments
    return ResourceKey(resource_type, logical_id)


def _criteria(request: Request) -> str:
    """Return the criteria of a conditional interaction, encoded.

    Raises:
        FhirError: MALFORMED if there are none: they would mean every resource of the type.
    """
    criteria = [pair for pair in request.query if pair[0] not in PRESENTATION_PARAMETERS]
    if not criteria:
        raise refuse(
            ErrorKind.MALFORMED, "Expected an id in the path or search criteria in the query.", code="required"
        )
    return encode_query(criteria)


def _answer(request: Request, written: Written) -> Response:
    returns = preferences(request.header(b"prefer")).returns
    version = written.version
    if returns == "OperationOutcome":
        body = operation_outcome(written.issues or (_DONE,))
    elif returns == "minimal" or version is None:
        body = b""
    else:
        body = version.resource()
    return Response(written.status, body, version, located=True)


def _deleted(request: Request, written: Written) -> Response:
    if preferences(request.header(b"prefer")).returns == "OperationOutcome" or written.status != HTTPStatus.NO_CONTENT:
        return Response(200, operation_outcome(written.issues or (_DONE,)), written.version)
    return Response(204, version=written.version)
