"""Read, vread and history.

Spec: https://hl7.org/fhir/R4/http.html#read, https://hl7.org/fhir/R4/http.html#history
"""

from __future__ import annotations

from collections.abc import Iterable

from fhir_api.interactions import history as history_interaction
from fhir_api.interactions import read as read_interaction
from fhir_api.interactions import vread as vread_interaction
from fhir_api.interactions.context import Context
from fhir_api.model.dates import Interval, interval
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.rest import bundles
from fhir_api.rest.binary import native_response
from fhir_api.rest.cursors import CURSOR_PARAMETER
from fhir_api.rest.headers import is_not_modified, preferences
from fhir_api.rest.negotiation import PRESENTATION_PARAMETERS
from fhir_api.rest.paging import page_links, query_text
from fhir_api.rest.request import Pair, Request, whole_number
from fhir_api.rest.response import Response
from fhir_api.rest.subset import show_by
from fhir_api.rest.wiring import Api
from fhir_api.store.port import HistoryQuery

SHOWN_BY = frozenset({*PRESENTATION_PARAMETERS, "_summary", "_elements"})
"""Parameters of an interaction that reads."""
_HISTORY_BY = frozenset({*SHOWN_BY, "_count", "_since", "_at", CURSOR_PARAMETER})
_HISTORY_COUNT = 50
_MOST = 1000


async def read(api: Api, context: Context, request: Request) -> Response:
    """Answer ``GET /{type}/{id}``; 304 where the client's copy is still good."""
    resource_type, logical_id = request.segments
    version = await read_interaction.read(context.store, ResourceKey(resource_type, logical_id))
    return version_response(request, version)


async def vread(api: Api, context: Context, request: Request) -> Response:
    """Answer ``GET /{type}/{id}/_history/{version}``."""
    resource_type, logical_id, _, version_id = request.segments
    version = await vread_interaction.vread(context.store, ResourceKey(resource_type, logical_id), version_id)
    return version_response(request, version)


def version_response(request: Request, version: StoredVersion) -> Response:
    """Return the answer that shows one version."""
    headers = request.headers
    if (b"if-none-match" in headers or b"if-modified-since" in headers) and is_not_modified(
        version, request.header(b"if-none-match"), request.header(b"if-modified-since")
    ):
        return Response(304, version=version)
    if version.key.resource_type == "Binary":
        native = native_response(request, version)
        if native is not None:
            return native
    if request.query:
        check_known(request, SHOWN_BY)
        return Response(200, show_by(request.query)(version.key.resource_type, version.resource()), version)
    return Response(200, version.resource(), version)


async def history(api: Api, context: Context, request: Request) -> Response:
    """Answer ``GET /_history``, ``/{type}/_history`` and ``/{type}/{id}/_history``."""
    check_known(request, _HISTORY_BY)
    path = "/".join(request.segments)
    resource_type, logical_id = [*request.segments[:-1], None, None][:2]
    text = query_text(path, request.query)
    cursors = api.cursors.of(context.caller.tenant)
    cursor = _one(request.query, CURSOR_PARAMETER)
    query = HistoryQuery(
        resource_type=resource_type,
        logical_id=logical_id,
        count=_count(request.query),
        since=_since(request.query),
        at=_at(request.query),
        cursor=None if cursor is None else cursors.open(text, cursor),
    )
    page = await history_interaction.history(context.store, query)
    following = None if page.next_cursor is None else cursors.seal(text, page.next_cursor)
    links = page_links(context.base_url, path, request.query, following)
    return Response(200, bundles.history(context.base_url, page, show_by(request.query), links))


def check_known(request: Request, known: frozenset[str]) -> None:
    """Check that every parameter is *known*, unless the client asked for lenient handling.

    Raises:
        FhirError: NOT_SUPPORTED, naming the first that is not.
    """
    for name, _ in request.query:
        if name not in known and not preferences(request.header(b"prefer")).lenient:
            raise refuse(ErrorKind.NOT_SUPPORTED, f"The parameter '{name[:64]}' is not known here.")


def _one(query: Iterable[Pair], name: str) -> str | None:
    values = [value for key, value in query if key == name]
    if len(values) > 1:
        raise refuse(ErrorKind.MALFORMED, f"{name} can be given once.", code="value")
    return values[0] if values else None


def _count(query: Iterable[Pair]) -> int:
    text = _one(query, "_count")
    if text is None:
        return _HISTORY_COUNT
    count = whole_number(text)
    if not count:
        raise refuse(ErrorKind.MALFORMED, "_count of a history is a whole number from 1.", code="value")
    return min(count, _MOST)


def _since(query: Iterable[Pair]) -> int | None:
    found = _interval(query, "_since")
    return None if found is None else found.low


def _at(query: Iterable[Pair]) -> tuple[int, int] | None:
    return _interval(query, "_at")


def _interval(query: Iterable[Pair], name: str) -> Interval | None:
    text = _one(query, name)
    if text is None:
        return None
    try:
        # The '+' of a zone offset, sent without its escape, arrives as a space.
        return interval(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        raise refuse(
            ErrorKind.MALFORMED, f"{name} is a date or instant such as 2026-11-23T08:00:00Z.", code="value"
        ) from None
