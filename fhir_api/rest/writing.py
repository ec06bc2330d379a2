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
from fhir_api.model.resource import parse
from fhir_api.patching.documents import Patch, read_patch
from fhir_api.rest.headers import if_match, if_none_match_any, preferences
from fhir_api.rest.negotiation import PRESENTATION_PARAMETERS, media_type
from fhir_api.rest.paging import encode_query
from fhir_api.rest.reading import check_known
from fhir_api.rest.request import Request
from fhir_api.rest.response import Response
from fhir_api.rest.wiring import Api

_DONE = Issue("information", "informational", "The interaction was carried out.")


async def create(api: Api, context: Context, request: Request) -> Response:
    """Answer ``POST /{type}``, with ``If-None-Exist`` conditionally."""
    returns = _returns(request)
    written = await create_interaction.create(
        context,
        parse(request.body),
        expected_type=request.segments[0],
        if_none_exist=request.header(b"if-none-exist"),
    )
    return _answer(returns, written)


async def update(api: Api, context: Context, request: Request) -> Response:
    """Answer ``PUT /{type}/{id}``; creates what is not there."""
    returns = _returns(request)
    written = await update_interaction.update(
        context,
        _key(request),
        parse(request.body),
        if_match=if_match(request.header(b"if-match")),
        if_none_match=if_none_match_any(request.header(b"if-none-match")),
    )
    return _answer(returns, written)


async def conditional_update(api: Api, context: Context, request: Request) -> Response:
    """Answer ``PUT /{type}?criteria``."""
    returns = _returns(request, has_criteria=True)
    written = await update_interaction.conditional_update(
        context,
        request.segments[0],
        _criteria(request),
        parse(request.body),
        if_match=if_match(request.header(b"if-match")),
    )
    return _answer(returns, written)


async def patch(api: Api, context: Context, request: Request) -> Response:
    """Answer ``PATCH /{type}/{id}`` with a patch of any format."""
    returns = _returns(request)
    written = await patch_interaction.patch(
        context,
        _key(request),
        _patch(request),
        if_match=if_match(request.header(b"if-match")),
    )
    return _answer(returns, written)


async def conditional_patch(api: Api, context: Context, request: Request) -> Response:
    """Answer ``PATCH /{type}?criteria``."""
    returns = _returns(request, has_criteria=True)
    written = await patch_interaction.conditional_patch(
        context,
        request.segments[0],
        _criteria(request),
        _patch(request),
        if_match=if_match(request.header(b"if-match")),
    )
    return _answer(returns, written)


async def delete(api: Api, context: Context, request: Request) -> Response:
    """Answer ``DELETE /{type}/{id}``."""
    returns = _returns(request)
    written = await delete_interaction.delete(context, _key(request), if_match=if_match(request.header(b"if-match")))
    return _deleted(returns, written)


async def conditional_delete(api: Api, context: Context, request: Request) -> Response:
    """Answer ``DELETE /{type}?criteria``."""
    returns = _returns(request, has_criteria=True)
    written = await delete_interaction.conditional_delete(
        context, request.segments[0], _criteria(request), multiple=context.limits.conditional_delete > 1
    )
    return _deleted(returns, written)


def _patch(request: Request) -> Patch:
    return read_patch(media_type(request.header(b"content-type") or "").name, request.body)


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


def _returns(request: Request, *, has_criteria: bool = False) -> str | None:
    """Return ``Prefer: return``; asked before anything is written, so that a refusal changes nothing.

    Raises:
        FhirError: MALFORMED, NOT_SUPPORTED; also for a parameter in a URL where none is expected.
    """
    if not has_criteria:
        check_known(request, PRESENTATION_PARAMETERS)
    return preferences(request.header(b"prefer")).returns


def _answer(returns: str | None, written: Written) -> Response:
    version = written.version
    if returns == "OperationOutcome":
        body = operation_outcome(written.issues or (_DONE,))
    elif returns == "minimal" or version is None:
        body = b""
    else:
        body = version.resource()
    return Response(written.status, body, version, located=True)


def _deleted(returns: str | None, written: Written) -> Response:
    if returns == "OperationOutcome" or written.status != HTTPStatus.NO_CONTENT:
        return Response(200, operation_outcome(written.issues or (_DONE,)), written.version)
    return Response(204, version=written.version)
