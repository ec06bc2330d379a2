"""Looking after the search parameters of all tenants, beside the requests.

Every process does this. It asks once a second for which tenants something is due, whether anybody asks for them or not,
and keeps up with the parameters of those that it has in memory. What is due is done by the process that comes first, a
small part at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from fhir_api.interactions.parameters import TenantParameters
from fhir_api.store.parameters import Due
from fhir_api.store.port import TenantStore

_IDLE: Final = 1.0
"""Seconds after which a process looks again."""
_STIRRED: Final = 0.1
_TROUBLED: Final = 5.0
_AT_ONCE: Final = 4
"""Tenants that one process works for at the same moment."""
_log = logging.getLogger(__name__)

Look = Callable[[], Awaitable[Due]]
StoreOf = Callable[[int], TenantStore | None]
"""Gives the store of a tenant; None where nothing may be changed."""


class Upkeep:
    """A task that ends when it is told to."""

    def __init__(self, look: Look, store_of: StoreOf, *, share: float) -> None:
        """Do nothing yet; *look* tells what is due, *share* is how much of the time may be work."""
        self._look = look
        self._store_of = store_of
        self._share = share
        self._followed: dict[int, tuple[TenantStore, TenantParameters]] = {}
        self._stirred = asyncio.Event()
        self._due: frozenset[int] = frozenset()
        self._working: dict[int, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; what was begun and not stored is done again by another process, or by this one later."""
        tasks = [*self._working.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None

    def follow(self, tenant: int, store: TenantStore, parameters: TenantParameters) -> None:
        """Keep up with the parameters of a tenant, and look soon when this process stores one of them."""
        self._followed[tenant] = store, parameters
        parameters.stirred = self._stirred

    def forget(self, tenant: int) -> None:
        """Keep up with a tenant no longer; what is due for it is done all the same."""
        self._followed.pop(tenant, None)

    async def look(self) -> None:
        """Look once: see what became of parameters, and begin what is due."""
        before = self._due
        due = await self._look()
        self._due = due.tenants
        for tenant in due.tenants:
            if tenant not in self._working and (store := self._store_of(tenant)) is not None:
                self._begin(tenant, store)
        # what was due a moment ago may be done now
        stirring = before | due.tenants
        for tenant, (store, parameters) in tuple(self._followed.items()):
            if tenant in stirring or parameters.last.own.generation != due.generations.get(tenant, 0):
                await parameters.view(store)

    async def settle(self) -> None:
        """Return when nothing is due that this process could do."""
        await self.look()
        while self._working:
            await asyncio.gather(*self._working.values())
            await self.look()

    async def _run(self) -> None:
        while True:
            pause = _IDLE
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next look may find it gone
                _log.warning("search parameters could not be looked after: %s", type(error).__name__)
                pause = _TROUBLED
            await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        """Wait; for less while this process stores a SearchParameter, so that it is looked at soon."""
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            return
        self._stirred.clear()
        await asyncio.sleep(min(seconds, _STIRRED))

    def _begin(self, tenant: int, store: TenantStore) -> None:
        task = self._working[tenant] = asyncio.create_task(self._work(store))
        task.add_done_callback(lambda _: self._working.pop(tenant, None))

    async def _work(self, store: TenantStore) -> None:
        """Do what is due for a tenant, until nothing is."""
        try:
            while True:
                async with self._places:
                    pause = await store.look_after(self._share)
                if pause is None:
                    return
                await asyncio.sleep(pause)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next look begins again
            _log.warning("a tenant could not be looked after: %s", type(error).__name__)
            await asyncio.sleep(_TROUBLED)
