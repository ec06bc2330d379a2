"""One request as the routes see it, whether it came over HTTP or as an entry of a Bundle.

Spec: https://hl7.org/fhir/R4/http.html#root
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from fhir_api.model.errors import ErrorKind, refuse

Pair = tuple[str, str]
"""One query parameter, decoded."""

MAX_PARAMETERS = 500
"""Most query parameters of one request (an OR list is one parameter)."""

NO_HEADERS: Mapping[bytes, bytes] = MappingProxyType({})
_MOST_DIGITS = 9
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Request(NamedTuple):
    """What a route's handler works on.

    Attributes:
        method: HTTP verb; HEAD arrives as GET.
        segments: the path below the base, decoded: ``("Patient", "1")``.
        query: parameters in the order sent, those of a form body too.
        headers: by lower-case name.
        body: the resource as JSON, the patch or the Bundle; empty where the route takes none.
    """

    method: str
    segments: tuple[str, ...]
    query: tuple[Pair, ...] = ()
    headers: Mapping[bytes, bytes] = NO_HEADERS
    body: bytes = b""

    def header(self, name: bytes) -> str | None:
        """Return a header's text, None if it is not there."""
        value = self.headers.get(name)
        if value is None:
            return None
        try:
            return value.decode().strip()
        except UnicodeDecodeError:
            return value.decode("latin-1").strip()


def path_segments(path: str) -> tuple[str, ...]:
    """Split a path below the base, such as ``/Patient/1``, and decode its segments; one trailing slash is ignored.

    Raises:
        FhirError: MALFORMED for a bad escape, bad UTF-8 or NUL.
    """
    segments = path.split("/")
    if segments and not segments[0]:
        del segments[0]
    if segments and not segments[-1]:
        del segments[-1]
    if "%" in path:
        return tuple(_decoded(segment, "path") for segment in segments)
    return tuple(segments)


def query_pairs(text: str, what: str = "query") -> tuple[Pair, ...]:
    """Read ``a=1&b=2``; *what* names the place in errors.

    Raises:
        FhirError: MALFORMED for a bad escape, bad UTF-8, NUL or too many parameters.
    """
    parts = [part for part in text.split("&") if part]
    if len(parts) > MAX_PARAMETERS:
        raise refuse(ErrorKind.MALFORMED, f"The {what} has {len(parts)} parameters, more than {MAX_PARAMETERS}.")
    pairs = []
    for part in parts:
        name, _, value = part.partition("=")
        pairs.append((_form_decoded(name, what), _form_decoded(value, what)))
    return tuple(pairs)


def whole_number(text: str) -> int | None:
    """Return a number of up to nine digits; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def header_map(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return headers by lower-case name; repeated ones are joined by commas (RFC 9110, 5.3)."""
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def _form_decoded(text: str, what: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return _decoded(text, what) if "%" in text else text


def _decoded(text: str, what: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise refuse(ErrorKind.MALFORMED, f"The {what} has a '%' without two hexadecimal digits after it.")
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise refuse(ErrorKind.MALFORMED, f"The {what} is not UTF-8.") from None
    if "\0" in decoded:
        raise refuse(ErrorKind.MALFORMED, f"The {what} has a NUL character.")
    return decoded
