"""Searches whose matches are contained resources themselves: ``_containedType=contained``.

The contained resources of a type are told apart by their positions (:mod:`fhir_api.search.contained`). A walk goes
through the positions one after the other, so that each container on a page stands for one match.

Spec: https://hl7.org/fhir/R4/search.html#contained
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace as replace_page

import msgspec
from msgspec.structs import replace

from fhir_api.interactions.search import search
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.versions import StoredVersion
from fhir_api.search.contained import POSITIONS, contained_at, marks
from fhir_api.search.query import Clause, Query, Total
from fhir_api.store.port import ContainedMatch, Page, Reader

Slot = tuple[str, int] | None
"""A type and a position among the contained resources of the type; None: resources that are not contained."""

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


class _Head(msgspec.Struct):
    resource_type: str = msgspec.field(name="resourceType")
    id: str = ""


_HEAD = msgspec.json.Decoder(_Head)


Inside = Mapping[str, tuple[Clause, ...]]
"""What has to hold for the contained resources of each type."""


async def contained_types(store: Reader, resource_types: Iterable[str]) -> tuple[str, ...]:
    """Return those of *resource_types* that a resource contains."""
    kinds = {mark.key: mark for mark in marks(resource_types)}
    in_use = await store.values_in_use(tuple(kinds.values()))
    return tuple(sorted({kinds[value.parameter].resource_type for value in in_use}))


async def search_contained(store: Reader, query: Query, inside: Inside, *, only: bool) -> Page:
    """Return one page of the contained resources that match *inside*; those of *query* before them, if not *only* them.

    Raises:
        FhirError: MALFORMED for a cursor of another search.
    """
    slots: list[Slot] = [] if only else [None]
    slots += [(name, position) for name in inside for position in range(POSITIONS)]
    total = None if query.total is Total.NONE else sum([await _count(store, query, inside, slot) for slot in slots])
    if query.count == 0:
        return Page([], total=total)
    return replace_page(await _page(store, query, inside, slots), total=total)


async def _count(store: Reader, query: Query, inside: Inside, slot: Slot) -> int:
    return (await search(store, _at(replace(query, count=0, cursor=None, includes=()), inside, slot))).total or 0


async def _page(store: Reader, query: Query, inside: Inside, slots: list[Slot]) -> Page:
    """Fill a page from one slot after the other."""
    number, cursor = _start(query.cursor, len(slots))
    found = Page([])
    while number < len(slots):
        room = query.count - len(found.matches) - len(found.contained)
        part = replace(query, cursor=cursor, count=room or 1, total=Total.NONE)
        page = await search(store, _at(part, inside, slots[number]))
        if room == 0 and page.matches:
            return replace_page(found, next_cursor=f"{number}:".encode())
        found = _joined(found, page, slots[number])
        if page.next_cursor is not None:
            return replace_page(found, next_cursor=f"{number}:".encode() + page.next_cursor)
        number, cursor = number + 1, None
    return found


def _at(query: Query, inside: Inside, slot: Slot) -> Query:
    """Return *query* over one slot; what is contained has no order of its own and nothing points at it."""
    if slot is None:
        return query
    order = tuple(key for key in query.sort if key.parameter is None)
    clauses = (contained_at(*slot, inside[slot[0]]),)
    return replace(query, resource_types=(), clauses=clauses, sort=order, includes=())


def _joined(found: Page, page: Page, slot: Slot) -> Page:
    if slot is None:
        return replace_page(found, matches=page.matches, included=page.included)
    inside = (match for version in page.matches for match in _inside(version, *slot))
    return replace_page(found, contained=[*found.contained, *inside])


def _inside(container: StoredVersion, resource_type: str, position: int) -> Iterator[ContainedMatch]:
    """Yield the resource at a position; those beyond the last one count as one with it."""
    members = _MEMBERS.decode(container.resource())
    numbered = 0
    for raw in _ITEMS.decode(members.get("contained", msgspec.Raw(b"[]"))):
        head = _HEAD.decode(raw)
        if head.resource_type == resource_type:
            if min(numbered, POSITIONS - 1) == position:
                yield ContainedMatch(container.key, resource_type, head.id, bytes(raw))
            numbered += 1


def _start(cursor: bytes | None, slots: int) -> tuple[int, bytes | None]:
    if cursor is None:
        return 0, None
    number, _, inner = cursor.partition(b":")
    if not number.isdigit() or int(number) >= slots:
        raise refuse(ErrorKind.MALFORMED, "The page link does not belong to this search.")
    return int(number), inner or None
