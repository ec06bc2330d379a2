"""Acknowledgements that an application gives later over the connection that the message came by.

Whoever waits for one is given it when the message has become FHIR, or cannot, whichever process did that. Where the
connection ends before, nothing is sent: a sender that waits in vain sends the message again, which is stored only once,
and is told what became of it.

Spec: HL7 v2.8.2 chapter 2, 2.9.2 (enhanced mode: the application acknowledgement).
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable

from adapters.hl7.looking_again import again_and_again
from adapters.hl7.store.port import MessageStore, Settlement, State, StoredMessage

LOOK_SECONDS = 0.1
"""How often the store is asked while somebody waits."""
_OPEN = {State.RECEIVED, State.PARKED}

Write = Callable[[StoredMessage, Settlement], bytes]
"""Gives the answer to a message by what became of it; empty for none."""


class Following:
    """The connections that wait for answers to messages of one tenant."""

    def __init__(self, store: MessageStore, write: Write) -> None:
        """Look for what became of messages in *store*, and answer them by *write*."""
        self._store = store
        self._write = write
        self._waiting: dict[int, set[Future[bytes]]] = {}
        self._somebody = asyncio.Event()

    async def answer(self, number: int) -> bytes:
        """Return the answer to a stored message once nothing more will become of it; empty where there is none."""
        future: Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(number, set()).add(future)
        self._somebody.set()
        try:
            return await future
        finally:
            waiting = self._waiting.get(number, set())
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(number, None)

    async def look(self) -> None:
        """Wait until somebody waits, and tell those whose messages are settled.

        Raises:
            UnavailableError: the store does not answer.
        """
        if not self._waiting:
            self._somebody.clear()
        await self._somebody.wait()
        numbers = sorted(self._waiting)
        states = await self._store.states(numbers)
        for number in numbers:
            if states.get(number) not in _OPEN:
                self._tell(number, await self._written(number))

    async def run(self) -> None:
        """Look again and again until cancelled."""
        await again_and_again(self.look, LOOK_SECONDS, "senders that wait cannot be answered")

    def _tell(self, number: int, answer: bytes) -> None:
        for future in self._waiting.get(number, ()):
            if not future.done():
                future.set_result(answer)

    async def _written(self, number: int) -> bytes:
        """Return the answer to a message that is settled; empty where it was closed or removed."""
        stored = await self._store.read(number)
        if stored is None or stored.state is State.CLOSED:
            return b""
        work = await self._store.work(number)
        return self._write(stored, Settlement(number, stored.state, stored.reason, plan=work.plan if work else ""))
