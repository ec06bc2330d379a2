"""Batches and transactions at the base, and their entries as requests of their own.

Spec: https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.utils import formatdate

from msgspec.structs import replace

from fhir_api.interactions import bundle as bundle_interaction
from fhir_api.interactions.context import Context
from fhir_api.interactions.entries import EntryRequest, EntryResponse
from fhir_api.model.dates import interval
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.versions import instant
from fhir_api.patching.documents import unpacked
from fhir_api.rest.dispatch import dispatch
from fhir_api.rest.errors import refusal
from fhir_api.rest.headers import preferences
from fhir_api.rest.negotiation import PRESENTATION_PARAMETERS
from fhir_api.rest.reading import check_known
from fhir_api.rest.request import Request, path_segments, query_pairs
from fhir_api.rest.response import Body, Response
from fhir_api.rest.wiring import Api

_STREAMED = 256 * 1024
"""Bytes from which an answer is streamed."""


async def bundle(api: Api, context: Context, request: Request) -> Response:
    """Answer ``POST /`` with a batch or transaction."""
    check_known(request, PRESENTATION_PARAMETERS)
    returns = preferences(request.header(b"prefer")).returns
    # An entry shows what it wrote only if the client asked for it: it has the resource already.
    prefer = request.headers.get(b"prefer", b"return=minimal")

    async def execute(context: Context, entry: EntryRequest) -> EntryResponse:
        return await execute_entry(api, context, entry, prefer)

    pieces = await bundle_interaction.process_bundle(context, request.body, execute, returns)
    return Response(200, await _body(pieces))


async def _body(pieces: AsyncIterator[bytes]) -> Body:
    """Return a small answer in one piece, a large one as a stream that never stands in memory as a whole."""
    start: list[bytes] = []
    size = 0
    async for piece in pieces:
        start.append(piece)
        size += len(piece)
        if size > _STREAMED:
            return _stream(b"".join(start), pieces)
    return b"".join(start)


async def _stream(start: bytes, remaining: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield start
    async for piece in remaining:
        yield piece


async def execute_entry(api: Api, context: Context, entry: EntryRequest, prefer: bytes) -> EntryResponse:
    """Carry out one entry through the routes; what is refused becomes the entry's outcome."""
    try:
        request = entry_request(context.base_url, entry, prefer)
        response = await dispatch(api, context, request)
    except FhirError as error:
        response = refusal(error)
    answer = entry_response(response)
    return replace(answer, resource=None) if entry.method == "HEAD" else answer


def entry_request(base_url: str, entry: EntryRequest, prefer: bytes) -> Request:
    """Return an entry as the request it stands for.

    Raises:
        FhirError: MALFORMED for a URL of another server, or one that cannot be read.
    """
    url = entry.url.removeprefix(base_url)
    if "://" in url.partition("?")[0]:
        raise refuse(ErrorKind.MALFORMED, "Bundle.entry.request.url is not on this server.", code="value")
    path, _, query = url.partition("?")
    segments = path_segments(path)
    method = "GET" if entry.method == "HEAD" else entry.method
    if not segments and method == "POST":
        raise refuse(ErrorKind.NOT_SUPPORTED, "A Bundle inside a Bundle is not carried out.")
    headers, body = _entry_headers(entry, prefer), entry.resource or b""
    if method == "PATCH":
        content_type, body = unpacked(body)
        headers[b"content-type"] = content_type.encode()
    return Request(
        method,
        segments,
        query_pairs(query, "Bundle.entry.request.url"),
        headers,
        body,
    )


def entry_response(response: Response) -> EntryResponse:
    """Return a route's answer as that of an entry."""
    body = response.body if isinstance(response.body, bytes) else b""
    version = response.version
    is_outcome = body.startswith(b'{"resourceType":"OperationOutcome"')
    return EntryResponse(
        status=response.status,
        location=f"{version.key}/_history/{version.version_id}" if version and response.located else None,
        etag=version.etag if version else None,
        last_modified=instant(version.last_updated) if version else None,
        resource=body if body and not is_outcome else None,
        outcome=body if body and is_outcome else None,
    )


def _entry_headers(entry: EntryRequest, prefer: bytes) -> dict[bytes, bytes]:
    given = {
        b"accept": "application/fhir+json",
        b"if-match": entry.if_match,
        b"if-none-match": entry.if_none_match,
        b"if-none-exist": entry.if_none_exist,
        b"if-modified-since": _http_date(entry.if_modified_since),
    }
    return {name: value.encode() for name, value in given.items() if value is not None} | {b"prefer": prefer}


def _http_date(text: str | None) -> str | None:
    """Return the instant that an entry has in place of an HTTP date."""
    if text is None:
        return None
    try:
        return formatdate(interval(text).low / 1000, usegmt=True)
    except (ValueError, OverflowError):
        raise refuse(ErrorKind.MALFORMED, "ifModifiedSince is not an instant.", code="value") from None
