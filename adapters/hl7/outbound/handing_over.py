"""Messages that no change of a resource made, such as the acknowledgement that an application sends later.

They wait in the queue of a destination with all the others: in order, across restarts, until they are acknowledged.
"""

from __future__ import annotations

from adapters.hl7.encoding.message import Message
from adapters.hl7.errors import Condition, Place, refuse
from adapters.hl7.outbound.queue import Outgoing, Queue


async def hand_over(
    queue: Queue, raw: bytes, *, now: int, lanes: tuple[int, ...] = (), patients: tuple[str, ...] = ()
) -> int | None:
    """Queue a message as it is; return its number, None where one with its MSH-10 is queued already.

    Args:
        queue: of the destination: ``queues.queue(tenant, "site/destination")``.
        raw: the message. Its MSH-10 says what it is, and the destination's MSA-2 has to name it.
        now: milliseconds since 1970.
        lanes: numbers of the lanes it stands in; in none, it waits for no other message.
        patients: logical ids of the patients it tells of.

    Raises:
        Hl7Error: it is no message, or has no MSH-10.
        UnavailableQueueError: it may be queued or not; it can be handed over again.
    """
    message = Message.parse(raw)
    control_id = message["MSH-10"]
    if not control_id:
        raise refuse(Condition.REQUIRED_FIELD_MISSING, "expected a control id, found none", Place("MSH", field=10))
    kind = "^".join(filter(None, (message["MSH-9.1"], message["MSH-9.2"])))
    return await queue.put(Outgoing(control_id, kind, "", 0, lanes, raw, now, patients=patients))
