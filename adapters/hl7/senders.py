"""What is known of senders: how each is recognised, read, answered and ordered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from adapters.hl7.encoding.location import Location, location
from adapters.hl7.encoding.message import Message
from adapters.hl7.errors import Condition, Place, refuse

ANY = "*"


class Duplicates(Enum):
    """What is done with a control id that came before with other bytes."""

    ACCEPT_NEW = "accept_new"
    """It is another message: senders that count anew after a restart."""
    REJECT = "reject"
    """It is refused."""
    HOLD = "hold"
    """It is kept and acknowledged, but waits for a person."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A sending application and how it is dealt with.

    Attributes:
        name: what people call it.
        tenant: the number of the tenant that it sends for.
        application: MSH-3.1, or ``*`` for any.
        facility: MSH-4.1, or ``*`` for any.
        certificates: SHA-256 fingerprints (hex) of the client certificates it may come with; empty: none is asked for.
        charset: label of table 0211 that goes before what MSH-18 says.
        accept: table 0155 in place of MSH-15; None leaves it to the message.
        application_accept: the same for MSH-16.
        deferred: what it sends in the original mode is answered twice: when it is stored, and when it is applied.
        acknowledge_to: name of the destination that gets the answers which are given later; empty: none are given.
        acknowledge_here: answers that are given later go over the connection that the message came by.
        duplicates: what is done with a control id that came before with other bytes.
        lane: places whose values together are kept in order.
        processing_ids: MSH-11 that are taken; empty takes all.
        expected_seconds: it is silent when nothing came for so long; 0: nothing is expected.
        keep_days: how long its messages are kept once they are done with; 0: for ever; None: as all others.
    """

    name: str
    tenant: int = 1
    application: str = ANY
    facility: str = ANY
    certificates: frozenset[str] = frozenset()
    charset: str | None = None
    accept: str | None = None
    application_accept: str | None = None
    deferred: bool = False
    acknowledge_to: str = ""
    acknowledge_here: bool = False
    duplicates: Duplicates = Duplicates.ACCEPT_NEW
    lane: tuple[Location, ...] = (location("PID-3.1"), location("PID-3.4"))
    processing_ids: frozenset[str] = frozenset()
    expected_seconds: int = 0
    keep_days: int | None = None

    def conditions(self, message: Message) -> tuple[str, str]:
        """Return MSH-15 and MSH-16 as they count for this sender."""
        accept = message["MSH-15"] if self.accept is None else self.accept
        application = message["MSH-16"] if self.application_accept is None else self.application_accept
        return accept, application


class Senders:
    """The senders that are served; the one that says most of itself is found first."""

    def __init__(self, senders: Iterable[Sender]) -> None:
        self._senders = {(sender.application, sender.facility): sender for sender in senders}

    def of(self, message: Message, certificate: str | None = None) -> Sender:
        """Return who sent *message*.

        Args:
            message: its MSH-3 and MSH-4 are looked at.
            certificate: SHA-256 fingerprint (hex) of the client's certificate, if it showed one.

        Raises:
            Hl7Error: there is no such sender, or it may not come with this certificate.
        """
        application, facility = message["MSH-3"], message["MSH-4"]
        for key in ((application, facility), (application, ANY), (ANY, facility), (ANY, ANY)):
            sender = self._senders.get(key)
            if sender is not None:
                return _with_certificate(sender, certificate)
        raise refuse(
            Condition.UNKNOWN_KEY, "no such sending application and facility is known here", Place("MSH", 1, 3)
        )


def _with_certificate(sender: Sender, certificate: str | None) -> Sender:
    if sender.certificates and certificate not in sender.certificates:
        raise refuse(Condition.UNKNOWN_KEY, "the client's certificate is not this sender's", Place("MSH", 1, 3))
    return sender
