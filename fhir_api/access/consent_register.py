"""The consents of a tenant as this process knows them: read when they have changed, looked at once a second.

Spec: https://hl7.org/fhir/R4/consent.html
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import orjson

from fhir_api.access.consents import Consent, ConsentsInForce, read_consent
from fhir_api.model.keys import ResourceKey
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.store.port import HistoryQuery, Reader

EVERY: Final = 1.0
"""Seconds for which a change made by another process may go unnoticed."""

_PAGE: Final = 500
_OVERLAP: Final = 10_000
"""Milliseconds by which one commit may come after another although its time is before."""


class ConsentRegister:
    """Keeps what the consents of one tenant say."""

    def __init__(
        self,
        reader: Reader,
        definitions: SearchDefinitions,
        *,
        every: float = EVERY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Read from *reader*, without limits; *every* is in seconds, *clock* gives seconds since 1970."""
        self._reader = reader
        self._definitions = definitions
        self._every = every
        self._clock = clock
        self._lock = asyncio.Lock()
        self._looked: float | None = None
        self._newest: tuple[ResourceKey, int] | None = None
        self._since: int | None = None
        self._consents: dict[ResourceKey, Consent] = {}
        self._in_force = ConsentsInForce((), definitions, clock() * 1000)

    async def in_force(self) -> ConsentsInForce:
        """Return the consents as they are now; the same object as long as they say the same."""
        if self._is_fresh():
            return self._in_force
        async with self._lock:
            if not self._is_fresh():
                await self._look()
        return self._in_force

    def forget(self) -> None:
        """Look again at once: something was written."""
        self._looked = None

    def _is_fresh(self) -> bool:
        now = self._clock()
        return self._looked is not None and now - self._looked < self._every and now * 1000 < self._in_force.until

    async def _look(self) -> None:
        now = self._clock()
        page = await self._reader.history(HistoryQuery("Consent", None, count=1))
        newest = (page.matches[0].key, page.matches[0].version_id) if page.matches else None
        if newest != self._newest:
            await self._read_changes()
            self._newest = newest
        elif now * 1000 < self._in_force.until:
            self._looked = now
            return
        self._in_force = ConsentsInForce(self._consents.values(), self._definitions, now * 1000)
        self._looked = now

    async def _read_changes(self) -> None:
        """Read the consents that were written since they were looked at last."""
        changed: set[ResourceKey] = set()
        cursor: bytes | None = None
        newest = self._since
        while True:
            page = await self._reader.history(
                HistoryQuery("Consent", None, count=_PAGE, since=self._since, cursor=cursor)
            )
            changed.update(version.key for version in page.matches)
            if cursor is None and page.matches:
                newest = page.matches[0].last_updated - _OVERLAP
            cursor = page.next_cursor
            if cursor is None:
                break
        keys = sorted(changed)
        for start in range(0, len(keys), _PAGE):
            await self._take(keys[start : start + _PAGE])
        self._since = newest

    async def _take(self, keys: list[ResourceKey]) -> None:
        found = await self._reader.currents(keys)
        for key in keys:
            version = found.get(key)
            is_there = version is not None and not version.is_deletion
            consent = read_consent(orjson.loads(version.body)) if version is not None and is_there else None
            if consent is None:
                self._consents.pop(key, None)
            else:
                self._consents[key] = consent
