"""One answer as the routes give it, before it becomes HTTP or an entry of a Bundle.

Spec: https://hl7.org/fhir/R4/http.html#Status-Codes
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fhir_api.model.versions import StoredVersion

Header = tuple[bytes, bytes]
Body = bytes | AsyncIterator[bytes]


@dataclass(slots=True)
class Response:
    """What a route's handler gives back.

    Attributes:
        status: HTTP status code.
        body: a resource as compact JSON, unless *media_type* says otherwise; may come in parts.
        version: the version that ETag and Last-Modified speak of.
        located: whether Location names that version.
        media_type: set where the body is not a FHIR resource but goes out as it is (Binary).
        headers: further headers, names in lower case.
    """

    status: int
    body: Body = b""
    version: StoredVersion | None = None
    located: bool = False
    media_type: bytes | None = None
    headers: tuple[Header, ...] = ()
