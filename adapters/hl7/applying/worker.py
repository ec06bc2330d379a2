"""Working through the stored messages of a tenant: many at once, those of a lane one after the other.

What became of messages is said to the store for many together. Should the process die before, they are worked on again,
which changes nothing: see ``application``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from adapters.hl7.store.port import MessageStore, Settlement, State, StoredMessage, UnavailableError

Apply = Callable[[StoredMessage], Awaitable[Settlement]]
"""Carries out a message and says what became of it; what it raises is a fault of ours."""

AT_ONCE = 32
"""Messages in hand at a time."""
LEASE_SECONDS = 20
"""How long a message belongs to the worker that took it: after a crash its lane stands still for so long."""
APPLY_SECONDS = 10
"""How long applying a message may take; it is well over before the lease is, so that no other worker has it too."""
POLL_SECONDS = 1.0
"""How often the store is asked for messages that other processes put there, or whose time has come."""
GATHER_SECONDS = 0.01
"""How long a message that is done waits for others to be settled with."""
_FAULT_SECONDS = 30
_LOG = logging.getLogger(__name__)


def milliseconds() -> int:
    """Return the time now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Worker:
    """Works through one tenant's messages."""

    def __init__(self, store: MessageStore, apply: Apply, now: Callable[[], int] = milliseconds) -> None:
        """Take messages from *store* and carry them out with *apply*; *now* tells milliseconds since 1970."""
        self._store = store
        self._apply = apply
        self._now = now
        self._woken = asyncio.Event()
        self._settled: list[Settlement] = []

    def wake(self) -> None:
        """Look for messages now: one was stored, or released."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled; what is in hand then is finished first."""
        in_hand: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._woken.clear()
                if len(in_hand) <= AT_ONCE // 2:
                    in_hand |= await self._take(AT_ONCE - len(in_hand))
                in_hand = await self._until_some_are_done(in_hand)
                await self._settle()
        finally:
            if in_hand:
                await asyncio.wait(in_hand, timeout=LEASE_SECONDS)
            await self._settle()

    async def _until_some_are_done(self, in_hand: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
        """Return what is still in hand when a message is done, or new ones may be there."""
        waking = asyncio.create_task(self._woken.wait())
        await asyncio.wait({*in_hand, waking}, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        if in_hand:
            # those that are done a moment later are settled with it, by one statement
            await asyncio.wait(in_hand, timeout=GATHER_SECONDS)
        return {task for task in in_hand if not task.done()}

    async def drain(self) -> int:
        """Work until nothing is left that can be worked on now, and return how many messages that were."""
        count = 0
        while tasks := await self._take(AT_ONCE):
            count += len(tasks)
            await asyncio.wait(tasks)
            await self._settle()
        return count

    async def _take(self, limit: int) -> set[asyncio.Task[None]]:
        if limit <= 0:
            return set()
        try:
            messages = await self._store.claim(limit, now=self._now(), lease_milliseconds=LEASE_SECONDS * 1000)
        except UnavailableError as error:
            _LOG.warning("the message store does not answer: %s", error)
            return set()
        return {asyncio.create_task(self._carry_out(message)) for message in messages}

    async def _carry_out(self, message: StoredMessage) -> None:
        try:
            async with asyncio.timeout(APPLY_SECONDS):
                settlement = await self._apply(message)
        except Exception:  # noqa: BLE001 - one message must not end the work on the others
            _LOG.exception("message %d could not be worked on", message.number)
            later = self._now() + _FAULT_SECONDS * 1000
            settlement = Settlement(message.number, State.RECEIVED, "a fault of this program", later)
        self._settled.append(settlement)

    async def _settle(self) -> None:
        settled, self._settled = self._settled, []
        if not settled:
            return
        try:
            await self._store.settle(settled)
        except UnavailableError as error:
            # said again with the next ones; until the lease ends nobody else works on them
            _LOG.warning("the message store does not answer: %s", error)
            self._settled = [*settled, *self._settled]
