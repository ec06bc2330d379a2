"""What decisions of a tenant depend on beside its rules, as this process knows it: consents, and labels in use.

Read when it has changed, looked at once a second.

Spec: https://hl7.org/fhir/R4/consent.html, https://hl7.org/fhir/R4/security-labels.html
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

import orjson

from conformance.types import resource_types
from fhir_api.access.compartments import SHARED
from fhir_api.access.consents import Consent, read_consent
from fhir_api.access.labels import LABELS
from fhir_api.access.withholding import ConsentsInForce
from fhir_api.model.keys import ResourceKey
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.store.port import HistoryQuery, Reader

EVERY: Final = 1.0
"""Seconds for which a change made by another process may go unnoticed."""

_PAGE: Final = 500
_OVERLAP: Final = 10_000
"""Milliseconds by which one commit may come after another although its time is before."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds in a tenant at one time.

    Attributes:
        consents: what patients withhold.
        labels: codes that need a right, by the types that have resources with them.
    """

    consents: ConsentsInForce
    labels: Mapping[str, frozenset[str]]


class Register:
    """Keeps what the consents of one tenant say, and which labels are in use."""

    def __init__(
        self,
        reader: Reader,
        definitions: SearchDefinitions,
        *,
        every: float = EVERY,
        zone: tzinfo = UTC,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Read from *reader*, without limits.

        Args:
            reader: of the tenant.
            definitions: the search parameters.
            every: seconds between two looks.
            zone: of dates without one.
            clock: gives seconds since 1970.
        """
        self._reader = reader
        self._definitions = definitions
        self._every = every
        self._zone = zone
        self._clock = clock
        self._lock = asyncio.Lock()
        self._looked: float | None = None
        self._written = 0
        self._newest: tuple[ResourceKey, int] | None = None
        self._since: int | None = None
        self._consents: dict[ResourceKey, Consent] = {}
        self._in_force = InForce(ConsentsInForce((), definitions, clock() * 1000), {})
        found = ((name, definitions.parameter(name, "_security")) for name in resource_types() if name not in SHARED)
        self._parameters = {each.key: each for _, each in found if each is not None}

    async def in_force(self) -> InForce:
        """Return what holds now; the same object as long as it is the same."""
        if self._is_fresh():
            return self._in_force
        async with self._lock:
            if not self._is_fresh():
                await self._look()
        return self._in_force

    def forget(self) -> None:
        """Look again at once: something was written."""
        self._looked = None
        self._written += 1

    def _is_fresh(self) -> bool:
        now = self._clock()
        return self._looked is not None and now - self._looked < self._every and now * 1000 < self._until

    @property
    def _until(self) -> float:
        return self._in_force.consents.until

    async def _look(self) -> None:
        now, written = self._clock(), self._written
        labels = await self._labels()
        page = await self._reader.history(HistoryQuery("Consent", None, count=1))
        newest = (page.matches[0].key, page.matches[0].version_id) if page.matches else None
        consents = self._in_force.consents
        if newest != self._newest:
            await self._read_changes()
            self._newest = newest
            consents = ConsentsInForce(self._consents.values(), self._definitions, now * 1000)
        elif now * 1000 >= self._until:
            consents = ConsentsInForce(self._consents.values(), self._definitions, now * 1000)
        if consents is not self._in_force.consents or labels != self._in_force.labels:
            self._in_force = InForce(consents, labels)
        # what was written meanwhile may have been missed
        self._looked = now if written == self._written else None

    async def _labels(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for value in await self._reader.values_in_use(tuple(self._parameters.values())):
            if LABELS.get(value.code) == value.system:
                found.setdefault(self._parameters[value.parameter].resource_type, set()).add(value.code)
        return {name: frozenset(codes) for name, codes in found.items()}

    async def _read_changes(self) -> None:
        """Read the consents that were written since they were looked at last."""
        changed: set[ResourceKey] = set()
        cursor: bytes | None = None
        newest = self._since
        while True:
            query = HistoryQuery("Consent", None, count=_PAGE, since=self._since, cursor=cursor)
            page = await self._reader.history(query)
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
            consent = read_consent(orjson.loads(version.body), self._zone) if version is not None and is_there else None
            if consent is None:
                self._consents.pop(key, None)
            else:
                self._consents[key] = consent
