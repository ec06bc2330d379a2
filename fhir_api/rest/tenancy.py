"""What each tenant's requests work with, and which tenants are served at all."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stanforis.tenancy.directory import Directory
from stanforis.tenancy.tenants import State, Tenant

from fhir_api.interactions.context import Context
from fhir_api.interactions.upkeep import Upkeep
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.rest.contexts import Contexts
from fhir_api.rest.entrance import Admitted, Entrance, Head, Outcome
from fhir_api.store.metered import used_up

MOST_TENANTS: Final = 64
"""Tenants whose definitions one process keeps in memory; the one asked for longest ago makes room."""
_UPKEEP_SHARE: Final = 0.5
"""How much of the time a job on the search index may work, in all processes together."""
_SWEEP_EVERY: Final = 60.0
_BETWEEN: Final = 0.1
"""Seconds between rounds over the tenants that are not in memory, and between two of them."""
_CAPABILITIES: Final = ("metadata",)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")

_log = logging.getLogger(__name__)
MakeContext = Callable[[Tenant], Context]


@dataclass(frozen=True, slots=True)
class _World:
    """What is in memory of a tenant, made for it as it was."""

    tenant: Tenant
    contexts: Contexts
    upkeep: Upkeep | None


class TenantContexts:
    """Gives the contexts of tenants, made when they are first asked for and again when a tenant was changed."""

    def __init__(self, directory: Directory, make: MakeContext, most: int = MOST_TENANTS) -> None:
        """Keep the contexts of up to *most* tenants, which *make* makes."""
        self._directory = directory
        self._make = make
        self._most = most
        self._worlds: OrderedDict[int, _World] = OrderedDict()
        self._ending: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after tenants that nobody asks for as well."""
        self._sweeping = asyncio.create_task(self._sweep())

    def of(self, number: int) -> Contexts | None:
        """Return the contexts of a tenant; None where there is none, or it is not served any more."""
        tenant = self._directory.tenant(number)
        if tenant is None or not tenant.state.may_read:
            return None
        world = self._worlds.get(number)
        if world is None or (world.tenant is not tenant and world.tenant != tenant):
            world = self._made(tenant)
        self._worlds.move_to_end(number)
        return world.contexts

    async def stop(self) -> None:
        """End what looks after the tenants."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
            self._sweeping = None
        for number in list(self._worlds):
            self._forget(number)
        await asyncio.gather(*self._ending)

    async def sweep(self) -> None:
        """Do a little of what is due for each tenant that is not in memory, such as a job that another process left."""
        for number in self._directory.active():
            tenant = self._directory.tenant(number)
            if tenant is None or number in self._worlds:
                continue
            try:
                await self._make(tenant).store.look_after(_UPKEEP_SHARE)
            except Exception as error:  # noqa: BLE001 - whatever it was, the next round may find it gone
                _log.warning("a tenant could not be looked after: %s", type(error).__name__)
            await asyncio.sleep(_BETWEEN)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_EVERY)
            await self.sweep()

    def _made(self, tenant: Tenant) -> _World:
        self._forget(tenant.number)
        if len(self._worlds) >= self._most:
            self._forget(next(iter(self._worlds)))
        context = self._make(tenant)
        upkeep = None
        if tenant.state.may_write and context.parameters is not None:
            upkeep = Upkeep(context.store, context.parameters, share=_UPKEEP_SHARE)
            upkeep.start()
        world = self._worlds[tenant.number] = _World(tenant, Contexts(context), upkeep)
        return world

    def _forget(self, number: int) -> None:
        world = self._worlds.pop(number, None)
        if world is not None and world.upkeep is not None:
            ending = asyncio.create_task(world.upkeep.stop())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)


class TenancyEntrance:
    """Lets in to tenants that are served and have requests left; see :class:`fhir_api.rest.entrance.Entrance`."""

    def __init__(self, inner: Entrance, directory: Directory) -> None:
        """Let in whom *inner* lets in, to tenants of *directory*."""
        self._inner = inner
        self._directory = directory

    async def admit(self, head: Head) -> Admitted:
        """See :class:`fhir_api.rest.entrance.Entrance`.

        Raises:
            FhirError: FORBIDDEN where the tenant is not served any more, THROTTLED where its requests are used up.
        """
        admitted = await self._inner.admit(head)
        number = admitted.context.caller.tenant
        tenant = self._directory.tenant(number)
        # whoever is remembered by the entrance behind may be of a tenant that was served then
        if tenant is None or not tenant.state.may_read:
            raise refuse(ErrorKind.FORBIDDEN, "This tenant is not served any more.")
        quota = self._directory.used_up(number, writes=False)
        if quota is not None and head.segments != _CAPABILITIES:
            raise used_up(ErrorKind.THROTTLED, quota)
        self._directory.note(number, requests=1)
        return admitted

    async def left(self, admitted: Admitted | None, outcome: Outcome) -> None:
        """See :class:`fhir_api.rest.entrance.Entrance`."""
        await self._inner.left(admitted, outcome)


def tenant_of(directory: Directory, name: str) -> int | None:
    """Return the number of the tenant that an address names, by its name or number; None where there is none.

    One that was shredded is there as little as one that never was.
    """
    tenant = directory.tenant(int(name)) if _NUMBER.fullmatch(name) else directory.named(name)
    return None if tenant is None or tenant.state is State.SHREDDED else tenant.number
