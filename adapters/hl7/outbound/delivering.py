"""Sending what is queued for one destination.

A message is done when the answer says AA or CA and names it: MSA-2 is its MSH-10. What the destination cannot take now
(AE, CE) is sent again, what it will never take (AR, CR) is dead. While nobody answers, the messages wait, however long
that is: a destination that is down holds up itself and nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from adapters.hl7.encoding.message import Message
from adapters.hl7.errors import Hl7Error
from adapters.hl7.mllp.client import MllpClient, MllpError, MllpUnreachableError
from adapters.hl7.outbound.destinations import Destination
from adapters.hl7.outbound.following import paused
from adapters.hl7.outbound.queue import Fate, Queue, Queued, UnavailableQueueError

POLL_SECONDS = 1.0
_MARGIN_SECONDS = 10
"""How much longer a message belongs to who sends it than an answer is waited for."""
_FIRST_WAIT, _LONGEST_WAIT = 2, 3600
"""Seconds until a message is sent again: twice as long each time."""
_LONGEST_SILENCE = 60
"""Seconds until a destination is tried again that cannot be reached."""
_TAKEN = frozenset({"AA", "CA"})
_LATER = frozenset({"AE", "CE"})
_NEVER = frozenset({"AR", "CR"})
_LOG = logging.getLogger(__name__)


class Verdict(NamedTuple):
    """What an answer says.

    Attributes:
        code: MSA-1; empty where the answer is none to this message.
        reason: codes and places of its ERR segments, none of their texts.
    """

    code: str
    reason: str


def verdict(answer: bytes, control_id: str) -> Verdict:
    """Return what *answer* says of the message with *control_id*."""
    try:
        message = Message.parse(answer)
    except Hl7Error:
        return Verdict("", "the answer is no message")
    code = message["MSA-1"].strip().upper()
    if message["MSA-2"].strip() != control_id:
        return Verdict("", "MSA-2 of the answer is not the MSH-10 of the message")
    if code not in _TAKEN | _LATER | _NEVER:
        return Verdict("", "MSA-1 of the answer is no code of table 0008")
    found = [
        " ".join(text for text in (error_code, place) if text)
        for error_code, place in zip(message.values("ERR-3.1"), message.values("ERR-2.1"), strict=False)
    ]
    return Verdict(code, "; ".join([code, *found]))


class Delivery:
    """Sends the messages for one destination."""

    def __init__(
        self,
        destination: Destination,
        queue: Queue,
        now: Callable[[], int],
        connect: Callable[[], MllpClient] | None = None,
    ) -> None:
        """Prepare.

        Args:
            destination: who gets them.
            queue: where they wait.
            now: tells milliseconds since 1970.
            connect: makes a connection; None for the one that the destination says.
        """
        self._destination = destination
        self._queue = queue
        self._now = now
        self._connect = connect or destination.client
        self._woken = asyncio.Event()
        self._silent = 0

    def wake(self) -> None:
        """Look into the queue now."""
        self._woken.set()

    async def run(self, until: asyncio.Event) -> None:
        """Send until *until* is set; what is on its way then is waited for."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._destination.file.connections):
                group.create_task(self._work(until))

    async def _work(self, until: asyncio.Event) -> None:
        async with self._connect() as client:
            while not until.is_set():
                self._woken.clear()
                try:
                    sent = await self.step(client)
                except UnavailableQueueError as error:
                    _LOG.warning("%s: the queue does not answer: %s", self._destination.name, error)
                    sent = False
                except Exception:  # noqa: BLE001 - one fault must not end the work
                    _LOG.exception("%s: a message cannot be sent", self._destination.name)
                    sent = False
                if self._silent:
                    await paused(until, min(2 ** min(self._silent, 16), _LONGEST_SILENCE))
                elif not sent:
                    await self._waited(until)

    async def _waited(self, until: asyncio.Event) -> None:
        """Wait until there may be something to send."""
        waiting = [asyncio.create_task(event.wait()) for event in (self._woken, until)]
        try:
            await asyncio.wait(waiting, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def step(self, client: MllpClient) -> bool:
        """Send the next message; False where none may be sent now.

        Raises:
            UnavailableQueueError: the message may have been sent; it is sent again when its lease is over.
        """
        lease = int(self._destination.file.answer_seconds + _MARGIN_SECONDS) * 1000
        claimed = await self._queue.claim(1, now=self._now(), lease_milliseconds=lease)
        for message in claimed:
            await self._send(client, message)
        return bool(claimed)

    async def _send(self, client: MllpClient, message: Queued) -> None:
        try:
            answer = await client.send(message.raw)
        except MllpUnreachableError as error:
            self._silent += 1
            if self._silent == 1:
                _LOG.warning("%s cannot be reached: %s", self._destination.name, error)
            await self._settle(message, Fate.WAITING, str(error), not_before=self._now())
            return
        except MllpError as error:
            self._silent += 1
            await self._again(message, str(error), b"", may_die=False)
            return
        self._silent = 0
        said = verdict(answer, message.control_id)
        if said.code in _TAKEN:
            await self._settle(message, Fate.DONE, "", answer=answer)
        elif said.code in _NEVER or (said.code and self._destination.file.errors == "dead"):
            _LOG.warning("%s refuses message %d: %s", self._destination.name, message.number, said.reason)
            await self._settle(message, Fate.DEAD, said.reason, answer=answer)
        else:
            if not said.code:
                # what comes next on this connection may be the answer to something else
                await client.close()
            await self._again(message, said.reason, answer, may_die=True)

    async def _again(self, message: Queued, reason: str, answer: bytes, *, may_die: bool) -> None:
        """Have a message sent again later; it is dead when it was tried for long enough."""
        now = self._now()
        tried = now - message.first_sent_at
        if may_die and tried >= self._destination.file.retry_hours * 3_600_000:
            await self._settle(message, Fate.DEAD, f"tried for too long: {reason}", answer=answer)
            return
        seconds = min(_FIRST_WAIT * 2 ** min(message.attempts - 1, 16), _LONGEST_WAIT)
        await self._settle(message, Fate.WAITING, reason, not_before=now + seconds * 1000, answer=answer)

    async def _settle(
        self, message: Queued, fate: Fate, reason: str, *, not_before: int = 0, answer: bytes = b""
    ) -> None:
        await self._queue.settle(
            message.number, fate, now=self._now(), reason=reason, not_before=not_before, answer=answer
        )
