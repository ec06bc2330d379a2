"""The tenants as one process knows them: looked up without a question to the database, and never older than a moment.

A task asks for one number each second, and reads the records again when it is another one. The same task sends what
was used to the ledger and learns what all processes together used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Final, Protocol

from stanforis.tenancy.contexts import Contexts
from stanforis.tenancy.keys import Vault, new_key
from stanforis.tenancy.ledger import Ledger
from stanforis.tenancy.quotas import NOTHING, Consumed, Quota, used_up
from stanforis.tenancy.registry import Registry
from stanforis.tenancy.tenants import Plan, State, Tenant

FRESH_SECONDS: Final = 1.0
"""How old what is known of tenants may be."""
_FLUSH_EVERY: Final = 5
_UNLIMITED: Final = Plan(name="unlimited")
_log = logging.getLogger(__name__)


class Directory(Protocol):
    """The tenants of an installation.

    Attributes:
        generation: another number whenever one of them was changed.
    """

    generation: int

    def tenant(self, number: int) -> Tenant | None:
        """Return the tenant with a number; None where there is none."""

    def named(self, slug: str) -> Tenant | None:
        """Return the tenant with a name in addresses; None where there is none."""

    def served(self) -> list[Tenant]:
        """Return the tenants whose resources are shown."""

    def used_up(self, tenant: int, *, writes: bool) -> Quota | None:
        """Return what of its plan a tenant has used up; None where nothing is."""

    def note(self, tenant: int, *, requests: int = 0, resources: int = 0, size: int = 0) -> None:
        """Note what a tenant used; *size* is in bytes of JSON."""

    async def start(self) -> None:
        """Read the tenants, and begin to keep up with them."""

    async def stop(self) -> None:
        """End, and send what was used."""


class DirectoryOfOne:
    """The directory of a store that keeps nothing: one tenant without limits."""

    def __init__(self, tenant: int = 1) -> None:
        """Know *tenant* only."""
        self.generation = 1
        self._tenant = Tenant(number=tenant, slug="default", name="default", state=State.ACTIVE)

    def tenant(self, number: int) -> Tenant | None:
        """See :class:`Directory`."""
        return self._tenant if number == self._tenant.number else None

    def named(self, slug: str) -> Tenant | None:
        """See :class:`Directory`."""
        return self._tenant if slug == self._tenant.slug else None

    def served(self) -> list[Tenant]:
        """See :class:`Directory`."""
        return [self._tenant]

    def used_up(self, tenant: int, *, writes: bool) -> Quota | None:
        """See :class:`Directory`: nothing is ever used up."""
        return None

    def note(self, tenant: int, *, requests: int = 0, resources: int = 0, size: int = 0) -> None:
        """See :class:`Directory`: nothing is noted."""

    async def start(self) -> None:
        """See :class:`Directory`."""

    async def stop(self) -> None:
        """See :class:`Directory`."""


class StoredDirectory:
    """The tenants that the database has records of; see :class:`Directory`.

    Attributes:
        registry: those records.
        vault: keeps the tenants' keys; None where nothing is sealed.
    """

    def __init__(self, registry: Registry, ledger: Ledger, contexts: Contexts) -> None:
        """Know nobody yet; *contexts* is told who may only read."""
        self.generation = 0
        self.registry = registry
        self.vault: Vault | None = None
        self._ledger = ledger
        self._contexts = contexts
        self._tenants: dict[int, Tenant] = {}
        self._named: dict[str, Tenant] = {}
        self._plans: dict[str, Plan] = {}
        self._consumed: dict[int, Consumed] = {}
        self._asked: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    def tenant(self, number: int) -> Tenant | None:
        """See :class:`Directory`."""
        return self._tenants.get(number)

    def named(self, slug: str) -> Tenant | None:
        """See :class:`Directory`."""
        return self._named.get(slug)

    def served(self) -> list[Tenant]:
        """See :class:`Directory`."""
        return [tenant for tenant in self._tenants.values() if tenant.state.may_read]

    def used_up(self, tenant: int, *, writes: bool) -> Quota | None:
        """See :class:`Directory`."""
        found = self._tenants.get(tenant)
        plan = _UNLIMITED if found is None else self._plans.get(found.plan, _UNLIMITED)
        if plan.is_unlimited:
            return None
        self._asked.add(tenant)
        known, noted = self._consumed.get(tenant, NOTHING), self._ledger.noted(tenant)
        return used_up(Consumed(*map(sum, zip(known, noted, strict=True))), plan, writes=writes)

    def note(self, tenant: int, *, requests: int = 0, resources: int = 0, size: int = 0) -> None:
        """See :class:`Directory`."""
        self._ledger.note(tenant, requests=requests, resources=resources, size=size)

    async def start(self) -> None:
        """See :class:`Directory`."""
        await self.refresh()
        await self._learn()
        self._task = asyncio.create_task(self._keep_up())

    async def stop(self) -> None:
        """See :class:`Directory`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self._tried(self._ledger.flush())

    async def refresh(self) -> None:
        """Read the records again where one was changed."""
        generation = await self.registry.generation()
        if generation == self.generation:
            return
        tenants = await self.registry.tenants()
        # the keys first: whoever is served has one
        await self._know_keys(tenants)
        self._plans = await self.registry.plans()
        self._tenants = {tenant.number: tenant for tenant in tenants}
        self._named = {tenant.slug: tenant for tenant in tenants}
        self._contexts.let_read_only(tenant.number for tenant in tenants if not tenant.state.may_write)
        self.generation = generation

    async def keep(self, vault: Vault) -> None:
        """Keep the tenants' keys with *vault*, and learn those that there are."""
        self.vault = vault
        await self._know_keys(self._tenants.values())

    async def _know_keys(self, tenants: Iterable[Tenant]) -> None:
        """Learn the keys of tenants, and make those that are missing."""
        if self.vault is None:
            return
        known = await self.registry.wrapped_keys()
        without = {tenant.number for tenant in tenants if tenant.state.may_write} - {key.tenant for key in known}
        if self.vault.seals and without:
            for tenant in sorted(without):
                await self.registry.add_key(new_key(self.vault.encryption, tenant))
            # another process may have been faster
            known = await self.registry.wrapped_keys()
        self.vault.keys.know(self.vault.encryption, known, seals=self.vault.seals)

    async def _learn(self) -> None:
        """Learn what was used by tenants whose plans end: at first by all, then by those that were asked for since."""
        asked, self._asked = self._asked or None if self._consumed else None, set()
        self._consumed |= await self.registry.all_consumed(asked)

    async def _keep_up(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(FRESH_SECONDS)
            rounds += 1
            await self._tried(self.refresh())
            if rounds % _FLUSH_EVERY == 0:
                await self._tried(self._ledger.flush())
                await self._tried(self._learn())

    async def _tried(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the database may be away; the next round comes soon
            _log.warning("tenants: the records could not be reached (%s); trying again", type(error).__name__)
