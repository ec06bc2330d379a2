"""Acknowledgements that an application gives later: when a stored message has become FHIR, or cannot.

Each waits in the queue of the destination that the sender's file names, so it outlives restarts and is sent until it is
acknowledged itself; or it goes over the connection that the message came by (``following``). It is queued before the
message is settled, under a control id that follows from the message and the answer: whatever is killed between the two,
one answer is sent, once.

Spec: HL7 v2.8.2 chapter 2, 2.9.2 and 2.9.3.2; HL7 v2.3.1 chapter 2, 2.12.2 (deferred processing two phase reply).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import sha256

from adapters.hl7.acknowledgement import Delay, Mode, Outcome, acknowledge, application_code, mode_of
from adapters.hl7.encoding.message import Message
from adapters.hl7.errors import Condition, Fault
from adapters.hl7.outbound.handing_over import hand_over
from adapters.hl7.outbound.queue import Queue
from adapters.hl7.senders import Sender
from adapters.hl7.store.port import Settlement, State, StoredMessage

QueueOf = Callable[[int, str], Queue]
"""Gives the queue of a tenant's destination, by its name."""

FOLLOWS = "D"
"""MSA-5: the message is stored, another acknowledgement follows."""
FOLLOWED = "F"
"""MSA-5: the acknowledgement after processing."""
_LONGEST_CONTROL_ID = 20
_FINAL = {State.MAPPED, State.DEAD}


class Delayed:
    """Gives the later answers of one tenant."""

    def __init__(self, tenant: int, known: Iterable[Sender], queue_of: QueueOf, now: Callable[[], int]) -> None:
        """Prepare.

        Args:
            tenant: its number.
            known: the senders.
            queue_of: where answers wait.
            now: tells milliseconds since 1970.
        """
        self._tenant = tenant
        self._queue_of = queue_of
        self._now = now
        self.know(known)

    def know(self, known: Iterable[Sender]) -> None:
        """Answer *known* from now on."""
        self._senders = {sender.name: sender for sender in known if sender.tenant == self._tenant}

    async def tell(self, stored: StoredMessage, message: Message, settlement: Settlement) -> None:
        """Answer a message by what became of it, if its sender wants that and nothing more will become of it.

        Raises:
            UnavailableQueueError: it may be answered or not; it can be told again.
        """
        sender = self._senders.get(stored.sender)
        if sender is None or not sender.acknowledge_to:
            return
        if answer := self._answer(sender, stored, message, settlement):
            await hand_over(self._queue_of(self._tenant, sender.acknowledge_to), answer, now=self._now())

    def answer(self, stored: StoredMessage, settlement: Settlement) -> bytes:
        """Return what a message is answered over its own connection; empty where its sender wants nothing there."""
        sender = self._senders.get(stored.sender)
        if sender is None or not sender.acknowledge_here:
            return b""
        return self._answer(sender, stored, Message.parse(stored.raw, stored.charset), settlement)

    def _answer(self, sender: Sender, stored: StoredMessage, message: Message, settlement: Settlement) -> bytes:
        if settlement.state not in _FINAL:
            return b""
        outcome, faults = _outcome(settlement)
        conditions = sender.conditions(message)
        code = application_code(*conditions, outcome, deferred=sender.deferred)
        if code is None:
            return b""
        # who waits on a connection hears it, or sends the message again: it acknowledges nothing
        is_asked_for = bool(sender.acknowledge_to) and mode_of(*conditions) is not Mode.ORIGINAL
        delay = Delay(FOLLOWED, _control_id(stored, code), "AL" if is_asked_for else "")
        return acknowledge(message, code, faults, datetime.fromtimestamp(self._now() / 1000, UTC), delay).raw


def _outcome(settlement: Settlement) -> tuple[Outcome, list[Fault]]:
    """Return what is told: a message that no plan takes is refused, one that the server refuses is in error."""
    if settlement.state is State.MAPPED:
        return Outcome.STORED, []
    if settlement.plan:
        return Outcome.ERROR, [Fault(Condition.APPLICATION, settlement.reason)]
    return Outcome.REFUSED, [Fault(Condition.UNSUPPORTED_EVENT, settlement.reason)]


def _control_id(stored: StoredMessage, code: str) -> str:
    """Return the MSH-10 of an answer, the same whenever the same is said of the same message."""
    name = "\x1f".join((stored.sender, stored.control_id, sha256(stored.raw).hexdigest(), code))
    return sha256(name.encode()).hexdigest()[:_LONGEST_CONTROL_ID].upper()
