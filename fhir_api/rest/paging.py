"""Links between the pages of a searchset or history.

Spec: https://hl7.org/fhir/R4/http.html#paging
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote_plus

import orjson

from fhir_api.rest.cursors import CURSOR_PARAMETER
from fhir_api.rest.negotiation import PRESENTATION_PARAMETERS
from fhir_api.rest.request import Pair

Link = tuple[str, str]
"""Relation and URL: ``("next", "http://…")``."""

_NOT_SIGNED = PRESENTATION_PARAMETERS | {CURSOR_PARAMETER}
# Legal in a query (RFC 3986, 3.4) and easier to read as they are.
_PLAIN = ":/,$@!*-_.~"
_ALL_PLAIN = re.compile(r"[A-Za-z0-9:/,$@!*\-_.~]*")


def query_text(path: str, query: Iterable[Pair]) -> bytes:
    """Return what a cursor is signed with: the search without its place in it and without its looks."""
    return orjson.dumps([path, *(pair for pair in query if pair[0] not in _NOT_SIGNED)])


def encode_query(query: Iterable[Pair]) -> str:
    """Return parameters as they stand in a URL."""
    return "&".join([f"{_encoded(name)}={_encoded(value)}" for name, value in query])


def page_links(base_url: str, path: str, query: Iterable[Pair], following: str | None) -> list[Link]:
    """Return self, first (unless this is it) and next (if there is one); *following* is the next page's cursor."""
    start = f"{base_url}/{path}" if path else base_url
    pairs = list(query)
    cursor = [pair for pair in pairs if pair[0] == CURSOR_PARAMETER]
    text = encode_query(pair for pair in pairs if pair[0] != CURSOR_PARAMETER)
    first = f"{start}?{text}" if text else start
    # A cursor is made of characters that need no escape.
    links = [("self", _with_cursor(first, text, cursor[0][1]) if cursor else first)]
    if cursor:
        links.append(("first", first))
    if following is not None:
        links.append(("next", _with_cursor(first, text, following)))
    return links


def _with_cursor(first: str, text: str, cursor: str) -> str:
    return f"{first}{'&' if text else '?'}{CURSOR_PARAMETER}={cursor}"


def _encoded(text: str) -> str:
    return text if _ALL_PLAIN.fullmatch(text) else quote_plus(text, safe=_PLAIN)
