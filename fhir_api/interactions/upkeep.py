"""Looking after one tenant's search parameters, beside the requests.

Every process does this. What is due is done by the one that comes first, a small part at a time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from fhir_api.interactions.parameters import TenantParameters
from fhir_api.store.port import TenantStore

_IDLE: Final = 1.0
"""Seconds after which a process looks again where nothing was due."""
_STIRRED: Final = 0.1
_TROUBLED: Final = 5.0
_log = logging.getLogger(__name__)


class Upkeep:
    """A task that ends when it is told to."""

    def __init__(self, store: TenantStore, parameters: TenantParameters, *, share: float) -> None:
        """Do nothing yet; *share* is how much of the time may be work."""
        self._store = store
        self._parameters = parameters
        self._share = share
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; what was begun and not stored is done again by another process, or by this one later."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            await self._rest(await self._step())

    async def _rest(self, seconds: float) -> None:
        """Wait; for less while this process stores a SearchParameter, so that it is looked at soon."""
        stirred = self._parameters.stirred
        try:
            async with asyncio.timeout(seconds):
                await stirred.wait()
        except TimeoutError:
            return
        stirred.clear()
        await asyncio.sleep(min(seconds, _STIRRED))

    async def _step(self) -> float:
        """Do what is due, and return the seconds until the next look."""
        try:
            pause = await self._store.look_after(self._share)
            if pause is None or not pause:
                await self._parameters.view(self._store)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next look may find it gone
            _log.warning("search parameters could not be looked after: %s", type(error).__name__)
            return _TROUBLED
        return _IDLE if pause is None else pause
