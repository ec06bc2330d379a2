"""Receiving: a frame is read, stored and then answered, whatever it holds."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from adapters.hl7.acknowledgement import Delay, Mode, Outcome, accept_code, acknowledge, may_follow, mode_of, salvage
from adapters.hl7.delayed import FOLLOWS
from adapters.hl7.encoding.batch import is_batch, parse_file
from adapters.hl7.encoding.message import Message
from adapters.hl7.errors import Condition, Fault, Hl7Error, Place, Severity, refuse
from adapters.hl7.mllp.frames import Oversized
from adapters.hl7.mllp.listener import Later, Peer, Reply
from adapters.hl7.senders import Sender, Senders
from adapters.hl7.store.lanes import lanes_of
from adapters.hl7.store.port import Arrival, MessageStores, UnavailableError, Verdict

_LOG = logging.getLogger(__name__)
_LONGEST_CONTROL_ID = 199
"""MSH-10 has 20 characters, 199 since 2.8; a longer one is not one."""
_LONGEST_WORD = 40
_TOO_LONG = Fault(Condition.VALUE_TOO_LONG, "the message is longer than this receiver takes", severity=Severity.FATAL)
_UNAVAILABLE = Fault(Condition.APPLICATION, "the message cannot be stored at the moment; send it again")
_REUSED = Fault(
    Condition.DUPLICATE_KEY, "another message with this control id was received before", Place("MSH", 1, 10)
)

Heard = Callable[[Sender, bool], None]
"""Told who sent a message, and whether it is in safe storage."""

Follow = Callable[[int, int], Awaitable[bytes]]
"""Gives the answer that follows when a tenant's message of this number is applied, or cannot be; empty for none."""


def _now() -> int:
    return time.time_ns() // 1_000_000


class Receiver:
    """Deals with the frames of a listener: ``listen(receiver.receive)``."""

    def __init__(
        self,
        stores: MessageStores,
        senders: Senders,
        now: Callable[[], int] = _now,
        stored: Callable[[int], None] = lambda _tenant: None,
        heard: Heard = lambda _sender, _is_stored: None,
        follow: Follow | None = None,
    ) -> None:
        """Store with *stores* what *senders* send.

        Args:
            stores: where messages are kept.
            senders: who may send.
            now: tells milliseconds since 1970.
            stored: told the tenant of a message that was stored.
            heard: told of each message of a known sender.
            follow: gives later answers; None where none are given over the connection.
        """
        self._stores = stores
        self._senders = senders
        self._now = now
        self._stored = stored
        self._heard = heard
        self._follow = follow

    def know(self, senders: Senders) -> None:
        """Serve *senders* from now on."""
        self._senders = senders

    async def receive(self, frame: bytes | Oversized, peer: Peer) -> Reply:
        """Return the answer to a frame, after what it holds is on disk."""
        if isinstance(frame, Oversized):
            return _answered(salvage(frame.head), Outcome.REFUSED, _TOO_LONG)
        if not is_batch(frame):
            return await self._message(frame, peer)
        try:
            file = parse_file(frame)
        except Hl7Error as error:
            return _answered(salvage(frame), Outcome.REFUSED, error.fault)
        # one after the other: messages of a batch keep their order, whatever lane they are in
        replies = [await self._message(entry.raw, peer) for entry in file.entries]
        answers = tuple(answer for reply in replies for answer in reply.answers)
        later = tuple(each for reply in replies for each in reply.later)
        return Reply(answers, all(reply.is_stored for reply in replies), later)

    async def _message(self, raw: bytes, peer: Peer) -> Reply:
        try:
            message = Message.parse(raw)
            sender = self._senders.of(message, peer.certificate)
            if sender.charset is not None:
                message = Message.parse(raw, sender.charset)
            check(message, sender)
        except Hl7Error as error:
            _LOG.info("a message was refused: %s %s", error.fault.condition.name, error.fault.place)
            return _answered(salvage(raw), Outcome.REFUSED, error.fault)
        reply = await self._store(message, sender)
        self._heard(sender, reply.is_stored)
        return reply

    async def _store(self, message: Message, sender: Sender) -> Reply:
        conditions, answer = sender.conditions(message), answer_of(message, sender)
        try:
            arrival = arrival_of(message, sender, answer, self._now())
            receipt = await self._stores.for_tenant(sender.tenant).receive(arrival)
        except UnavailableError:
            return _answered(message, Outcome.ERROR, _UNAVAILABLE, conditions)
        if receipt.verdict is Verdict.REFUSED:
            return _answered(message, Outcome.REFUSED, _REUSED, conditions)
        if receipt.verdict is Verdict.STORED:
            self._stored(sender.tenant)
        is_followed = sender.acknowledge_here and may_follow(*conditions, deferred=sender.deferred)
        if self._follow is None or receipt.number is None or not is_followed:
            later: tuple[Later, ...] = ()
        else:
            later = (partial(self._follow, sender.tenant, receipt.number),)
        return Reply((receipt.answer,) if receipt.answer else (), is_stored=True, later=later)


def answer_of(message: Message, sender: Sender) -> bytes:
    """Return what *message* is answered when it is stored; empty where its sender wants no answer."""
    conditions = sender.conditions(message)
    code = accept_code(*conditions, Outcome.STORED)
    if code is None:
        return b""
    delay = Delay(FOLLOWS) if sender.deferred and mode_of(*conditions) is Mode.ORIGINAL else Delay()
    return acknowledge(message, code, delay=delay).raw


def arrival_of(message: Message, sender: Sender, answer: bytes, received_at: int) -> Arrival:
    """Return a message as the store takes it.

    Args:
        message: read in the charset that counts.
        sender: who sent it.
        answer: what it is answered when it is stored; empty for nothing.
        received_at: milliseconds since 1970.
    """
    return Arrival(
        sender=sender.name,
        control_id=message["MSH-10"],
        message_type=_word(f"{message['MSH-9.1']}^{message['MSH-9.2']}"),
        version=_word(message["MSH-12"]),
        charset=message.charset.codec,
        raw=message.encode(),
        answer=answer,
        lanes=lanes_of(message, sender.lane, sender.name),
        duplicates=sender.duplicates,
        received_at=received_at,
    )


def check(message: Message, sender: Sender) -> None:
    """Refuse a header without which a message cannot be kept apart from others.

    Raises:
        Hl7Error: MSH-9 or MSH-10 is missing, MSH-10 is too long or unprintable, or MSH-11 is not taken.
    """
    if not message["MSH-9"]:
        raise refuse(Condition.REQUIRED_FIELD_MISSING, "the message type is missing", Place("MSH", 1, 9))
    control_id = message["MSH-10"]
    if not control_id:
        raise refuse(Condition.REQUIRED_FIELD_MISSING, "the message control id is missing", Place("MSH", 1, 10))
    if len(control_id) > _LONGEST_CONTROL_ID:
        raise refuse(Condition.VALUE_TOO_LONG, f"at most {_LONGEST_CONTROL_ID} characters", Place("MSH", 1, 10))
    if not control_id.isprintable():
        raise refuse(Condition.DATA_TYPE, "a message control id is printable", Place("MSH", 1, 10))
    if sender.processing_ids and message["MSH-11"] not in sender.processing_ids:
        raise refuse(Condition.UNSUPPORTED_PROCESSING_ID, "this processing id is not taken here", Place("MSH", 1, 11))


def _word(text: str) -> str:
    """Return a code of the header as it is shown to people: short and printable."""
    return "".join(each for each in text[:_LONGEST_WORD] if each.isprintable())


def _answered(message: Message, outcome: Outcome, fault: Fault, conditions: tuple[str, str] | None = None) -> Reply:
    """Return the reply that says *fault*, if the sender wants to hear it."""
    code = accept_code(*(conditions or (message["MSH-15"], message["MSH-16"])), outcome)
    answers = () if code is None else (acknowledge(message, code, [fault]).raw,)
    return Reply(answers, is_stored=False)
