"""Searches in the order of identifiers, of which the index keeps hashes only: what matches is read and put in order.

Spec: https://hl7.org/fhir/R4/search.html#sort
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg
from msgspec.structs import replace

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.search.query import Query
from fhir_api.store.postgres.bodies import unpack
from fhir_api.store.postgres.search.former import Former, Values, by_sort
from fhir_api.store.postgres.search.order import Order, Start, sorted_by
from fhir_api.store.postgres.statement import Arguments
from fhir_api.store.postgres.types import type_names
from fhir_api.store.postgres.writes import Indexing

MOST_IN_ORDER: Final = 5000
"""So many matches can be put in the order of identifiers."""
_AT_ONCE: Final = 100

Placed = tuple[Values, asyncpg.Record]


def sorts_by_name(query: Query) -> bool:
    """Tell whether one of the sort keys is an identifier, or another value that names one thing."""
    return any(parameter.is_identifier for key in query.sort for parameter in key.parameters)


def unordered(query: Query) -> Query:
    """Return the query of all matches that can be put in order."""
    return replace(query, sort=(), cursor=None, count=MOST_IN_ORDER)


async def in_order(query: Query, found: Sequence[Placed], indexing: Indexing) -> tuple[Order, list[Placed]]:
    """Return the order that *query* asks for, and those of the matches that lie behind its cursor, in order.

    Raises:
        FhirError: TOO_COSTLY where more matched; MALFORMED for a cursor of another order.
    """
    if len(found) > MOST_IN_ORDER:
        raise refuse(ErrorKind.TOO_COSTLY, f"More than {MOST_IN_ORDER} matches cannot be put in this order.")
    order = sorted_by(query.sort, Arguments(), indexing.definitions)
    place = by_sort(query.sort)
    placed: list[Placed] = []
    for number, (former, row) in enumerate(found):
        if number % _AT_ONCE == 0:
            # other requests have their turn
            await asyncio.sleep(0)
        placed.append((place(_version(row, former, indexing)), row))
    return order, order.following(placed, None if query.cursor is None else Start.read(query.cursor))


def _version(row: asyncpg.Record, told: Values, indexing: Indexing) -> Former:
    key = ResourceKey(type_names()[row["type_id"]], row["fhir_id"])
    return Former(told[-1], key, row["last_updated"], unpack(row["body"]), indexing.encoder, indexing.zone, told)
