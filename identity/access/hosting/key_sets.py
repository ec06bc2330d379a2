"""Key sets of clients, fetched from the URLs that they registered, and kept for a while.

Spec: https://www.rfc-editor.org/rfc/rfc7591#section-2 (jwks_uri)
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import orjson
from stanforis.outbound import Answer, OutboundError

from identity.access.clock import Clock, system_clock

_GOOD_SECONDS = 300.0
_FAILED_SECONDS = 10.0
_MOST = 1000
_OK = 200


class Fetches(Protocol):
    """Sends requests to the outside; see :class:`stanforis.outbound.Outbound`."""

    async def fetch(self, url: str, *, headers: Iterable[tuple[str, str]] = ()) -> Answer:
        """Return what answers.

        Raises:
            OutboundError: nothing does.
        """


class KeySets:
    """Fetches key sets; see :data:`identity.access.grants.server.FetchKeys`."""

    def __init__(self, outbound: Fetches, clock: Clock = system_clock) -> None:
        """Fetch by *outbound*; what came is good for five minutes, a failure for ten seconds."""
        self._outbound = outbound
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Mapping[str, Any] | None]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Mapping[str, Any] | None]] = {}

    async def __call__(self, url: str) -> Mapping[str, Any] | None:
        """Return the key set at *url*; None when it cannot be had. Who asks while another does waits for the same."""
        known = self._known.get(url)
        if known is not None and self._clock() < known[0]:
            return known[1]
        task = self._asking.get(url)
        if task is None:
            task = self._asking[url] = asyncio.create_task(self._fetch(url))
            task.add_done_callback(lambda _: self._asking.pop(url, None))
        return await asyncio.shield(task)

    async def _fetch(self, url: str) -> Mapping[str, Any] | None:
        found = await self._asked(url)
        while len(self._known) >= _MOST:
            self._known.popitem(last=False)
        self._known[url] = (self._clock() + (_FAILED_SECONDS if found is None else _GOOD_SECONDS), found)
        return found

    async def _asked(self, url: str) -> Mapping[str, Any] | None:
        try:
            answer = await self._outbound.fetch(url, headers=[("accept", "application/json")])
            found = orjson.loads(answer.body) if answer.status == _OK else None
        except (OutboundError, orjson.JSONDecodeError):
            return None
        return found if isinstance(found, dict) else None
