"""The change log: every committed version of a tenant once, in one order that never changes afterwards.

A page ends below the oldest transaction that was still running: nothing can appear behind it any more. See
docs/decisions/0005-one-change-log.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stanforis.storage.pool import Pool
from stanforis.tenancy.contexts import Contexts

from fhir_api.model.versions import StoredVersion
from fhir_api.store.postgres.reads import VERSION_COLUMNS, stored_version
from fhir_api.store.postgres.session import fenced, translated
from fhir_api.store.postgres.types import type_numbers

_BOUND = "(SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint)"
_HALF = (
    "(SELECT v.type_id, v.fhir_id, v.version, v.last_updated, v.change, v.body, v.rid, v.marker FROM fhir.{table} v "
    "WHERE v.tenant_id = c.tenant AND v.marker >= $2 AND (v.marker, v.rid, v.version) > ($2, $3, $4) "
    f"AND v.marker < {_BOUND} AND v.type_id = ANY($5::smallint[]) "
    "ORDER BY v.marker, v.rid, v.version LIMIT $6)"
)
_PAGE = (
    fenced(
        f"{VERSION_COLUMNS}, x.rid, x.marker",
        f"{_HALF.format(table='resource')} UNION ALL {_HALF.format(table='history')} "
        "ORDER BY marker, rid, version LIMIT $6",
    )
    + " ORDER BY x.marker, x.rid, x.version"
)
_NEWEST = f"SELECT {_BOUND}"


class Position(NamedTuple):
    """A place in the change log: the last version that was seen.

    Attributes:
        marker: the transaction that made it.
        rid: the resource's number in the store.
        version: of the resource.
    """

    marker: int
    rid: int
    version: int


BEGINNING = Position(0, 0, 0)


class Changed(NamedTuple):
    """A version and where it stands in the log."""

    position: Position
    version: StoredVersion


class ChangeLog:
    """The change log of one tenant."""

    def __init__(self, pool: Pool, contexts: Contexts, tenant: int) -> None:
        """Read with connections of *pool*, which work as the server's role."""
        self._pool = pool
        self._contexts = contexts
        self._tenant = tenant

    async def after(self, position: Position, resource_types: Sequence[str], limit: int) -> list[Changed]:
        """Return up to *limit* versions of some types behind *position*, in their order, deletions too.

        Raises:
            FhirError: UNAVAILABLE if the database does not answer.
        """
        numbers = [type_numbers()[name] for name in resource_types]
        with translated():
            async with self._pool.acquire() as connection:
                context = await self._contexts.admitted(connection, self._tenant)
                rows = await connection.fetch(_PAGE, context, *position, numbers, limit)
        return [Changed(Position(row["marker"], row["rid"], row["version"]), stored_version(row)) for row in rows]

    async def newest(self) -> Position:
        """Return a position behind everything that is decided now.

        Raises:
            FhirError: UNAVAILABLE if the database does not answer.
        """
        with translated():
            async with self._pool.acquire() as connection:
                bound = await connection.fetchval(_NEWEST)
        # behind every version of the transaction before the bound
        return Position(bound - 1, 2**62, 2**31 - 1)
