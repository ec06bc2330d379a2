"""What people ask of a message store: which messages there are, how its senders stand, what is worked on again."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple


class State(Enum):
    """What became of a message."""

    RECEIVED = "received"
    PARKED = "parked"
    MAPPED = "mapped"
    DEAD = "dead"
    CLOSED = "closed"
    """A person has decided that nothing more is done with it."""


class Criteria(NamedTuple):
    """Which messages are meant: those that fit all that is given.

    Attributes:
        sender: name of the sender; empty for any.
        message_type: ``ADT^A01``, or ``ADT`` for all its events; empty for any.
        state: None for any.
        control_id: MSH-10; empty for any.
        since: received at or after this, milliseconds since 1970; 0 for any.
        until: received before this, milliseconds since 1970; 0 for any.
    """

    sender: str = ""
    message_type: str = ""
    state: State | None = None
    control_id: str = ""
    since: int = 0
    until: int = 0

    @property
    def is_narrow(self) -> bool:
        """Whether anything is asked for at all."""
        return self != Criteria()


class Listed(NamedTuple):
    """A message in a list: nothing of what it says.

    Attributes:
        number: its place in the order of all.
        sender: name of its sender.
        control_id: MSH-10.
        message_type: MSH-9.1 and MSH-9.2.
        received_at: milliseconds since 1970.
        state: what became of it.
        reason: why it is parked, dead or closed.
        attempts: how often it was worked on.
        size: bytes.
        corrects: number of the message that it stands in for; None where it came from a sender.
    """

    number: int
    sender: str
    control_id: str
    message_type: str
    received_at: int
    state: State
    reason: str
    attempts: int
    size: int
    corrects: int | None


class Standing(NamedTuple):
    """How a sender stands.

    Attributes:
        sender: its name.
        last_at: when its newest message came, milliseconds since 1970.
        recent: messages since the instant that was asked about.
        waiting: messages that are received and not worked on yet, or tried again.
        oldest_at: when the oldest of those came; None where there is none.
        parked: messages that wait for people.
        dead: dead letters.
    """

    sender: str
    last_at: int
    recent: int
    waiting: int
    oldest_at: int | None
    parked: int
    dead: int


class Replay(NamedTuple):
    """Which messages are worked on again, in the order they came, and how fast.

    Attributes:
        numbers: of single messages, in any state but received; none where the criteria say which.
        criteria: of all messages meant; where they name no state, mapped ones and dead letters are.
        later: also those that came later, stand in a lane with one of these and are mapped: so that older content is
            not left lying over newer.
        begin: the first is worked on at this time, milliseconds since 1970.
        gap: milliseconds between one and the next.
        most: how many messages at most.
    """

    begin: int
    numbers: tuple[int, ...] = ()
    criteria: Criteria = Criteria()
    later: bool = True
    gap: int = 0
    most: int = 1_000_000


REPLAYED: Mapping[bool, frozenset[State]] = MappingProxyType(
    {
        True: frozenset({State.PARKED, State.MAPPED, State.DEAD, State.CLOSED}),
        False: frozenset({State.MAPPED, State.DEAD}),
    }
)
"""States of messages that are worked on again: of single ones, and by criteria that name none."""
OPEN = frozenset({State.PARKED, State.DEAD})
"""States of messages that a person may correct or close."""
