"""Uri parameters.

Spec: https://hl7.org/fhir/R4/search.html#uri
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from fhir_api.search.entries import UriEntry, new_entry
from fhir_api.search.query import Parameter, UriValue
from fhir_api.search.types.escapes import unescape
from fhir_api.search.types.reading import Reading, malformed

Add = Callable[[UriEntry], None]


def uri(add: Add, key: int, value: str) -> None:
    """Add a uri as written."""
    add(new_entry(UriEntry, (key, value)))


def canonical(add: Add, key: int, value: str) -> None:
    """Add a canonical as written, and without its version: a search without version finds every version."""
    add(new_entry(UriEntry, (key, value)))
    if "|" in value:
        add(new_entry(UriEntry, (key, value.partition("|")[0])))


LEAVES: dict[str, Callable[..., None]] = {
    **dict.fromkeys(("uri", "url", "oid", "uuid", "id"), uri),
    "canonical": canonical,
}
"""What each FHIR type puts into the index."""

URN: Final = "urn:"
"""How URNs begin; they have no hierarchy."""


def parse(parameter: Parameter, text: str, reading: Reading, modifier: str | None = None) -> UriValue:
    """Read a uri.

    Raises:
        FhirError: MALFORMED when it is empty, or for ``:above`` and ``:below`` of a urn.
    """
    uri_text = unescape(text)
    if modifier in {"above", "below"} and uri_text.startswith(URN):
        raise malformed(parameter, f"a URL with ':{modifier}', not a urn")
    return UriValue(uri_text)


def matches(entry: UriEntry, value: UriValue, modifier: str | None = None) -> bool:
    """Tell whether a uri equals the value, starts with it (``:below``) or is a start of it (``:above``).

    "Either the search term left-matches the value, or vice-versa": ``http://a/b`` is above ``http://a/bc``, too. Those
    with a version end at a part of it: ``http://a|1.0`` is below ``http://a|1``. URNs are neither above nor below.
    """
    if modifier == "below":
        return value.uri == entry.uri or (
            entry.uri.startswith(start_below(value.uri)) and not entry.uri.startswith(URN)
        )
    if modifier == "above":
        return entry.uri in starts_above(value.uri)
    return COMPARISONS[modifier](entry.uri, value.uri)


COMPARISONS: Final[Mapping[str | None, Callable[[str, str], bool]]] = {
    None: str.__eq__,
    "contains": str.__contains__,
    "starts-with": str.startswith,
    "ends-with": str.endswith,
    "gt": str.__gt__,
    "lt": str.__lt__,
    "ge": str.__ge__,
    "le": str.__le__,
}
"""For each modifier without a rule of its own, how a uri is compared; all but None come from ``_filter``."""


def start_below(uri_text: str) -> str:
    """Return how everything below a URL begins; with a version, the versions that it is the beginning of.

    Spec: https://hl7.org/fhir/R4/search.html#uri, https://hl7.org/fhir/R4/search.html#versions
    """
    return f"{uri_text}." if "|" in uri_text else uri_text


def starts_above(uri_text: str) -> list[str]:
    """Return a URL and everything above it: its beginnings, and of a version those that end at a part of it."""
    url = uri_text.partition("|")[0]
    points = [place for place, character in enumerate(uri_text) if character == "." and place > len(url)]
    return [uri_text, *(url[:length] for length in range(1, len(url))), *(uri_text[:place] for place in points)]
