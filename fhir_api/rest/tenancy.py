"""What each tenant's requests work with, and which tenants are served at all."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stanforis.tenancy.directory import Directory
from stanforis.tenancy.tenants import State, Tenant

from fhir_api.interactions.context import Context
from fhir_api.interactions.upkeep import Look, Upkeep
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.rest.contexts import Contexts
from fhir_api.rest.entrance import Admitted, Entrance, Head, Outcome
from fhir_api.store.metered import used_up
from fhir_api.store.port import TenantStore

MOST_TENANTS: Final = 64
"""Tenants whose definitions one process keeps in memory; the one asked for longest ago makes room."""
_UPKEEP_SHARE: Final = 0.5
"""How much of the time a job on the search index may work, in all processes together."""
_CAPABILITIES: Final = ("metadata",)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")

MakeContext = Callable[[Tenant], Context]
StoresOf = Callable[[int], TenantStore]


@dataclass(frozen=True, slots=True)
class _World:
    """What is in memory of a tenant, made for it as it was."""

    tenant: Tenant
    contexts: Contexts


class TenantContexts:
    """Gives the contexts of tenants, made when they are first asked for and again when a tenant was changed."""

    def __init__(
        self, directory: Directory, make: MakeContext, due: Look, stores: StoresOf, most: int = MOST_TENANTS
    ) -> None:
        """Keep the contexts of up to *most* tenants, which *make* makes.

        *due* tells for which tenants search parameters have to be looked after, in *stores*.
        """
        self._directory = directory
        self._make = make
        self._stores = stores
        self._most = most
        self._worlds: OrderedDict[int, _World] = OrderedDict()
        self.upkeep = Upkeep(due, self._store_of, share=_UPKEEP_SHARE)

    def start(self) -> None:
        """Begin to look after the search parameters of all tenants."""
        self.upkeep.start()

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
        await self.upkeep.stop()
        for number in list(self._worlds):
            self._forget(number)

    def _store_of(self, number: int) -> TenantStore | None:
        tenant = self._directory.tenant(number)
        return self._stores(number) if tenant is not None and tenant.state.may_write else None

    def _made(self, tenant: Tenant) -> _World:
        self._forget(tenant.number)
        if len(self._worlds) >= self._most:
            self._forget(next(iter(self._worlds)))
        context = self._make(tenant)
        if context.parameters is not None:
            self.upkeep.follow(tenant.number, context.store, context.parameters)
        world = self._worlds[tenant.number] = _World(tenant, Contexts(context))
        return world

    def _forget(self, number: int) -> None:
        self.upkeep.forget(number)
        self._worlds.pop(number, None)


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
