"""The Bundle that answers a search: its links, and what each entry is there for.

Spec: https://hl7.org/fhir/R4/http.html#search, https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.search
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from fhir_api.model.outcome import Issue
from fhir_api.validation.references import RESOURCE_TYPES
from fhir_api.validation.rules.place import Place, Tree, items

_ONCE: Final = frozenset({"self", "first", "previous", "prev", "next", "last"})
_PAGES: Final = _ONCE - {"self"}


def links(bundle: Tree, place: Place) -> Iterator[Issue]:
    """Check ``Bundle.link``: each relation of paging once, and none in a document or message."""
    seen: set[str] = set()
    for link, at in items(bundle, "link", place):
        relation = link.get("relation")
        if relation in seen and relation in _ONCE:
            yield at.error("invalid", f"The relation '{relation}' stands twice, expected at most once.", "relation")
        if relation in _PAGES and bundle.get("type") in {"document", "message"}:
            yield at.error("invalid", f"The relation '{relation}' belongs to searches, not here.", "relation")
        seen.add(str(relation))


def searchset(bundle: Tree, place: Place) -> Iterator[Issue]:
    """Check the answer to a search."""
    if bundle.get("type") != "searchset":
        return
    own = [link["url"] for link in bundle.get("link", ()) if link.get("relation") == "self" and "url" in link]
    if not own:
        yield place.warning("invalid", "The link 'self' is missing; it says what was searched for.")
    expected = _searched_types(own[0]) if own else frozenset()
    entries = bundle.get("entry", ())
    if entries and not any("mode" in entry.get("search", {}) for entry in entries):
        yield place.warning("invalid", "No entry says why it is there (search.mode).")
    for entry, at in items(bundle, "entry", place):
        if "resource" in entry:
            yield from _entry(entry, expected, at)


def _entry(entry: Tree, expected: frozenset[str], at: Place) -> Iterator[Issue]:
    resource: Any = entry["resource"]
    resource_type = resource["resourceType"]
    mode = entry.get("search", {}).get("mode")
    is_outcome = resource_type == "OperationOutcome"
    if "id" not in resource and not is_outcome and (mode is not None or expected):
        yield at.error("required", "A resource that a search found has to have an id.", "resource")
    if mode == "outcome" and not is_outcome:
        yield at.error("invalid", f"Found {resource_type}, expected an OperationOutcome (search.mode).", "resource")
    if expected and resource_type not in expected:
        among = " or ".join(sorted(expected))
        if mode == "match":
            yield at.error("invalid", f"Found {resource_type}, but {among} was searched for.", "resource")
        elif mode is None and not is_outcome:
            yield at.warning("invalid", f"Found {resource_type} without search.mode, expected {among}.", "resource")


def _searched_types(url: str) -> frozenset[str]:
    """Return the types a search asks for; none where its URL does not tell."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return frozenset()
    steps = [step for step in parts.path.split("/") if step]
    if steps and steps[-1] == "_search":
        steps.pop()
    if steps and steps[-1] in RESOURCE_TYPES:
        return frozenset({steps[-1]})
    listed = ",".join(parse_qs(parts.query).get("_type", ()))
    return frozenset(listed.split(",")) & RESOURCE_TYPES
