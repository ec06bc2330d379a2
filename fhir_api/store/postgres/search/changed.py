"""Resources that were changed since a walk began: they keep the place that they had then.

The walk itself passes over them, wherever they are now, and over what was made since. They are found by their markers,
and come with the version that was current when the walk began, which says where they belong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.store.postgres.bodies import unpack
from fhir_api.store.postgres.search.beginning import Beginning
from fhir_api.store.postgres.search.conditions import PROBED
from fhir_api.store.postgres.search.former import Former, Values
from fhir_api.store.postgres.search.order import Order, Start
from fhir_api.store.postgres.statement import Arguments
from fhir_api.store.postgres.types import type_names
from fhir_api.store.postgres.writes import Indexing

MOST = 5000
"""So many superseded versions are read for a page where their places have to be found out from their bodies."""
_AT_ONCE = 100

_CURRENT = "b.type_id, b.fhir_id, b.version, b.last_updated, b.change, b.body"


def unchanged(rid: str, beginning: Beginning, arguments: Arguments) -> str:
    """Return the condition that a resource is as it was when the walk began."""
    saw = beginning.saw("u.marker", arguments)
    return f"EXISTS (SELECT FROM fhir.resource u WHERE u.tenant_id = c.tenant AND u.rid = {rid} AND {saw} {PROBED})"


def changed(
    order: Order,
    start: Start,
    beginning: Beginning,
    arguments: Arguments,
    tests: Sequence[str],
    limit: str,
    more: Sequence[str] = (),
) -> str:
    """Return a SELECT of the resources that were changed since *beginning*, for which *tests* of ``b`` hold.

    Columns: the current version, the keys, *more*, and when the former version was made, and its body. Where the
    row of the former version tells its place, the body is null, and only what lies behind *start* is given.
    """
    was_there = beginning.saw("h.marker", arguments)
    former = (
        f"SELECT h.* FROM fhir.history h WHERE h.tenant_id = c.tenant AND h.rid = b.rid AND {was_there} "
        "ORDER BY h.version DESC LIMIT 1"
    )
    conditions = [
        "b.tenant_id = c.tenant",
        f"b.marker >= {arguments.bind(beginning.oldest)}",
        "b.version > 1",
        f"NOT {beginning.saw('b.marker', arguments)}",
        "b.change <> 3",
        "h.change <> 3",
        *tests,
    ]
    told = [key.former for key in order.keys if key.former is not None]
    is_told = len(told) == len(order.keys)
    if is_told:
        conditions.append(order.behind(start, arguments, told))
        columns, body = told, "NULL::bytea"
        by = ", ".join(
            f"{column}{' DESC' if key.descending else ''}" for column, key in zip(told, order.keys, strict=True)
        )
        end = f"ORDER BY {by} LIMIT {limit}"
    else:
        columns = [*(key.former or f"NULL::{key.cast}" for key in order.keys[:-1]), "b.rid"]
        body = "h.body"
        end = f"LIMIT {arguments.bind(MOST + 1)}"
    return (
        f"SELECT {_CURRENT}, {', '.join([*columns, *more])}, h.last_updated AS former_updated, {body} AS former_body "
        f"FROM fhir.resource b CROSS JOIN LATERAL ({former}) h WHERE {' AND '.join(conditions)} {end}"
    )


async def places(rows: Sequence[asyncpg.Record], first: int, order: Order, indexing: Indexing) -> list[Values | None]:
    """Return the place of each of *rows*, whose keys begin at column *first*; None where it had none.

    Raises:
        FhirError: MALFORMED when too many resources were changed since the walk began.
    """
    found: list[Values | None] = []
    read = 0
    for row in rows:
        if order.place is None or row["former_body"] is None:
            found.append(tuple(row)[first : first + len(order.keys)])
            continue
        read += 1
        if read > MOST:
            raise refuse(
                ErrorKind.MALFORMED,
                "Too many of the resources found were changed since the first page; search again.",
                code="expired",
            )
        if read % _AT_ONCE == 0:
            # other requests have their turn
            await asyncio.sleep(0)
        found.append(order.place(_former(row, tuple(row)[first : first + len(order.keys)], indexing)))
    return found


def _former(row: asyncpg.Record, told: Values, indexing: Indexing) -> Former:
    key, body = ResourceKey(type_names()[row["type_id"]], row["fhir_id"]), unpack(row["former_body"])
    return Former(told[-1], key, row["former_updated"], body, indexing.encoder, indexing.zone, told)
