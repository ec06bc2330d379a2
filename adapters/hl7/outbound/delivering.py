"""Sending what is queued for one destination.

A message is done when the answer says AA or CA and names it: MSA-2 is its MSH-10. What the destination cannot take now
(AE, CE) is sent again, what it will never take (AR, CR) is dead. While nobody answers, the messages wait, however long
that is: a destination that is down holds up itself and nobody else. Before a message is sent, what it tells is looked
at once more; what the destination may not see any more is withdrawn. What was sent is on record in the audit trail
before it is settled.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random

from stanforis.audit import Record, Who, disclosed
from stanforis.audit.port import AuditStoreError

from adapters.hl7.mllp.client import MllpClient, MllpError, MllpUnreachableError
from adapters.hl7.outbound.destinations import Destination
from adapters.hl7.outbound.following import paused
from adapters.hl7.outbound.queue import Fate, Queue, Queued, UnavailableQueueError
from adapters.hl7.outbound.related import UnreadableError
from adapters.hl7.outbound.verdicts import NEVER, TAKEN, Verdict, names_one_of, verdict
from adapters.hl7.outbound.withdrawing import Look

POLL_SECONDS = 1.0
_MARGIN_SECONDS = 10
"""How much longer a message belongs to who sends it than an answer is waited for."""
_FIRST_WAIT, _LONGEST_WAIT = 2, 3600
"""Seconds until a message is sent again: twice as long each time, give or take a quarter."""
_LONGEST_SILENCE = 60
"""Seconds until a destination is tried again that cannot be reached."""
_REMEMBERED = 100
"""Messages whose answer may still come, behind that which settled them."""
_LOG = logging.getLogger(__name__)


Keep = Callable[[Record], Awaitable[None]]
"""Puts a record on the audit trail.

Raises :class:`AuditStoreError` where it does not answer.
"""


class Delivery:
    """Sends the messages for one destination."""

    def __init__(
        self,
        destination: Destination,
        queue: Queue,
        now: Callable[[], int],
        keep: Keep,
        look: Look,
        chance: Random | None = None,
    ) -> None:
        """Prepare.

        Args:
            destination: who gets them.
            queue: where they wait.
            now: tells milliseconds since 1970.
            keep: puts what was disclosed on record, and returns when it is on disk.
            look: looks once more at what a message tells.
            chance: spreads attempts, so that not all come at once.
        """
        self._destination = destination
        self._queue = queue
        self._now = now
        self._keep = keep
        self._look = look
        self._chance = chance or Random()  # noqa: S311 - spreads attempts, keeps no secret
        self._sent: deque[str] = deque(maxlen=_REMEMBERED)
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
        async with self._destination.client() as client:
            while not until.is_set():
                self._woken.clear()
                try:
                    sent = await self.step(client)
                except (UnavailableQueueError, AuditStoreError) as error:
                    _LOG.warning("%s: the queue or the audit trail does not answer: %s", self._destination.name, error)
                    sent = False
                except Exception:  # noqa: BLE001 - one fault must not end the work
                    _LOG.exception("%s: a message cannot be sent", self._destination.name)
                    sent = False
                if self._silent:
                    await paused(until, self._spread(min(2 ** min(self._silent, 16), _LONGEST_SILENCE)))
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
            UnavailableQueueError, AuditStoreError: the message may have been sent; it is sent again when its lease is
                over.
        """
        lease = int(self._destination.file.answer_seconds + _MARGIN_SECONDS) * 1000
        claimed = await self._queue.claim(1, now=self._now(), lease_milliseconds=lease)
        for message in claimed:
            seen = await self._seen(message)
            if seen is not None:
                await self._send(client, seen)
        return bool(claimed)

    async def _seen(self, message: Queued) -> Queued | None:
        """Return a message as the destination may see it now; None where it is not sent."""
        try:
            instead = await self._look(message)
        except UnreadableError as error:
            await self._again(message, str(error), message.answer, may_die=False)
            return None
        if instead is None:
            return message
        if instead.fate is Fate.WAITING:
            renewed = replace(message, raw=instead.raw, patients=instead.patients, sources=instead.sources)
            return renewed if await self._queue.renew(message.number, instead) else None
        _LOG.warning("%s: message %d is not sent: %s", self._destination.name, message.number, instead.reason)
        await self._settle(message, instead.fate, instead.reason, answer=message.answer)
        return None

    async def _send(self, client: MllpClient, message: Queued) -> None:
        try:
            others = frozenset(self._sent) - {message.control_id}
            answer = await client.send(message.raw, lambda answer: names_one_of(answer, others))
        except MllpUnreachableError as error:
            await self._unreachable(message, str(error))
            return
        except MllpError as error:
            self._silent += 1
            await self._on_record(message, is_taken=False)
            await self._again(message, str(error), b"", may_die=False)
            return
        self._silent = 0
        self._sent.append(message.control_id)
        said = verdict(answer, message.control_id)
        await self._on_record(message, is_taken=said.code in TAKEN)
        if not said.code:
            # what comes next on this connection may be the answer to something else
            await client.close()
        await self._decided(message, said, answer)

    async def _unreachable(self, message: Queued, reason: str) -> None:
        self._silent += 1
        if self._silent == 1:
            _LOG.warning("%s cannot be reached: %s", self._destination.name, reason)
        await self._settle(message, Fate.WAITING, reason, not_before=self._now())

    async def _decided(self, message: Queued, said: Verdict, answer: bytes) -> None:
        if said.code in TAKEN:
            await self._settle(message, Fate.DONE, "", answer=answer)
        elif said.code in NEVER or (said.code and self._destination.file.errors == "dead"):
            _LOG.warning("%s refuses message %d: %s", self._destination.name, message.number, said.reason)
            await self._settle(message, Fate.DEAD, said.reason, answer=answer)
        else:
            await self._again(message, said.reason, answer, may_die=True)

    async def _on_record(self, message: Queued, *, is_taken: bool) -> None:
        """Put on record that what a message tells was given away; one about nobody is no disclosure."""
        if not message.patients:
            return
        file = self._destination.file
        record = disclosed(
            self._destination.name,
            f"mllp{'s' if file.tls else ''}://{file.host}:{file.port}",
            patients=message.patients,
            resources=[f"{message.resource}/_history/{message.version}"] if message.resource else (),
            is_taken=is_taken,
            who=Who(f"hl7:{self._destination.name}", "system", f"hl7:{self._destination.name}", roles=file.roles),
            purpose=file.purpose,
            message=message.control_id,
        )
        await self._keep(record)

    async def _again(self, message: Queued, reason: str, answer: bytes, *, may_die: bool) -> None:
        """Have a message sent again later; it is dead when it was tried for long enough."""
        now = self._now()
        tried = now - message.first_sent_at
        if may_die and tried >= self._destination.file.retry_hours * 3_600_000:
            await self._settle(message, Fate.DEAD, f"tried for too long: {reason}", answer=answer)
            return
        wait = self._spread(min(_FIRST_WAIT * 2 ** min(message.attempts - 1, 16), _LONGEST_WAIT))
        await self._settle(message, Fate.WAITING, reason, not_before=now + round(wait * 1000), answer=answer)

    def _spread(self, seconds: float) -> float:
        return seconds * self._chance.uniform(0.75, 1.25)

    async def _settle(
        self, message: Queued, fate: Fate, reason: str, *, not_before: int = 0, answer: bytes = b""
    ) -> None:
        await self._queue.settle(
            message.number, fate, now=self._now(), reason=reason, not_before=not_before, answer=answer
        )
