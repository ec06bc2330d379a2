"""Reading a request's body off the wire, within a bound.

Spec: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from fhir_api.rest.encoding import decoded, too_large

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientDisconnectedError(Exception):
    """The client went away before its request was complete: nobody is left to answer."""


async def received_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """Return the body, unpacked.

    Raises:
        FhirError: TOO_LARGE over *limit* bytes, packed or unpacked; see also :func:`fhir_api.rest.encoding.decoded`.
        ClientDisconnectedError: the client went away.
    """
    # Content-Length may lie: it only spares reading what is too large by the client's own word.
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnectedError
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
        more = message.get("more_body", False)
    raw = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    coding = headers.get(b"content-encoding")
    return raw if coding is None else decoded(raw, coding.decode("latin-1").strip(), limit)
