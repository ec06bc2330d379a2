"""From a route's answer to HTTP: format, headers, compression.

Spec: https://hl7.org/fhir/R4/http.html#general
"""

from __future__ import annotations

from fhir_api.formats.xml import to_xml
from fhir_api.rest.encoding import SMALLEST, gzipped, gzipped_parts
from fhir_api.rest.headers import http_date
from fhir_api.rest.negotiation import Presentation
from fhir_api.rest.pretty import pretty_json, pretty_xml
from fhir_api.rest.response import Body, Header, Response

# What is stored is about patients: a browser may keep it for its user, and asks each time whether it is still good.
_ALWAYS: tuple[Header, ...] = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Accept, Accept-Encoding, Prefer"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_RESOURCE: tuple[Header, ...] = (*_ALWAYS, (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"))
_GZIP: Header = (b"content-encoding", b"gzip")
_BODILESS = (204, 304)


async def rendered(response: Response, presentation: Presentation, *, gzip: bool) -> tuple[list[Header], Body]:
    """Return the headers (all but Location and X-Request-Id) and the body that go out."""
    body = response.body
    headers: list[Header]
    if response.media_type is not None:
        headers = [*_ALWAYS, (b"content-type", response.media_type)]
    else:
        headers = [*_RESOURCE]
        if body:
            headers.append((b"content-type", presentation.content_type))
            if presentation.is_xml or presentation.is_pretty:
                body = formatted(await gathered(body), presentation)
    if gzip and _shrinks(response.media_type) and (not isinstance(body, bytes) or len(body) > SMALLEST):
        body = gzipped(body) if isinstance(body, bytes) else gzipped_parts(body)
        headers.append(_GZIP)
    if isinstance(body, bytes) and response.status not in _BODILESS:
        headers.append((b"content-length", b"%d" % len(body)))
    version = response.version
    if version is not None:
        headers.append((b"etag", b'W/"%d"' % version.version_id))
        headers.append((b"last-modified", http_date(version.last_updated // 1000)))
    headers += response.headers
    return headers, body


def formatted(body: bytes, presentation: Presentation) -> bytes:
    """Return a resource's compact JSON as *presentation* wants it."""
    if presentation.is_xml:
        text = to_xml(body)
        return pretty_xml(text) if presentation.is_pretty else text
    return pretty_json(body)


def _shrinks(media_type: bytes | None) -> bool:
    """Tell whether content of a media type (None is FHIR) gets smaller by compression: pictures do not."""
    return media_type is None or media_type.startswith(b"text/") or b"json" in media_type or b"xml" in media_type


async def gathered(body: Body) -> bytes:
    """Return a body in one piece."""
    return body if isinstance(body, bytes) else b"".join([part async for part in body])
