"""The entrance at which every visit goes on record, in front of whatever decides who is let in."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from stanforis.audit import TenantTrail

from fhir_api.access.caller import Caller
from fhir_api.audit.visit import Visit
from fhir_api.audit.watched import WatchedStore
from fhir_api.rest.entrance import Admitted, Entrance, Head, Outcome

TrailOf = Callable[[int], TenantTrail]
"""Gives the trail of a tenant."""
_NO_HEAD = Head("", "", (), (), {})


class Visited(Admitted, frozen=True):
    """Somebody who was let in, and the visit that goes on record."""

    visit: Visit


class AuditedEntrance:
    """Puts every request on record, those that are refused too; see :class:`fhir_api.rest.entrance.Entrance`."""

    def __init__(self, inner: Entrance, trail_of: TrailOf, tenant: int) -> None:
        """Let in whom *inner* lets in; requests whose tenant is not known go on record of *tenant*."""
        self._inner = inner
        self._trail_of = trail_of
        self._tenant = tenant

    async def admit(self, head: Head) -> Admitted:
        """See :class:`fhir_api.rest.entrance.Entrance`."""
        context = (await self._inner.admit(head)).context
        caller = context.caller
        visit = Visit(self._trail_of(caller.tenant), caller, head, head.identity)
        return Visited(replace(context, store=WatchedStore(context.store, visit)), visit)

    async def left(self, admitted: Admitted | None, outcome: Outcome) -> None:
        """See :class:`fhir_api.rest.entrance.Entrance`."""
        await self._inner.left(admitted, outcome)
        visit = admitted.visit if isinstance(admitted, Visited) else self._refused(outcome)
        record = visit.ends(outcome)
        if record is not None:
            await visit.trail.keep(record)

    def _refused(self, outcome: Outcome) -> Visit:
        head = outcome.head or _NO_HEAD
        tenant = head.tenant or self._tenant
        return Visit(self._trail_of(tenant), Caller.unlimited(tenant), head, outcome.identity)
