"""What the interface takes and gives of messages that are sent, as its OpenAPI document describes it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, Field

from adapters.hl7.operation.dispatch import DestinationView, SentContent
from adapters.hl7.operation.shown import MOST_LISTED, Asking, Name, Number, Part, Value, instant, milliseconds
from adapters.hl7.outbound.looking import SentCriteria
from adapters.hl7.outbound.queue import Fate, Mode, Queued

FateName = Literal["waiting", "done", "dead", "closed", "unmade", "withdrawn"]
ModeName = Literal["runs", "paused", "drains"]


class SentMeant(Asking):
    """Which messages are meant: those that fit all that is given."""

    destination: Name = Field("", description="`site/destination`.")
    state: FateName | None = None
    control_id: Name = Field("", description="MSH-10.")
    resource: Name = Field("", description="What changed: `Encounter/1`.")
    since: datetime | None = Field(None, description="Made at or after this; UTC where it says no offset.")
    until: datetime | None = Field(None, description="Made before this.")

    def criteria(self, patient: str = "") -> SentCriteria:
        """Return them for the queues."""
        fate = None if self.state is None else Fate[self.state.upper()]
        since, until = milliseconds(self.since), milliseconds(self.until)
        return SentCriteria(self.destination, fate, self.control_id, self.resource, patient, since, until)


class SentPage(SentMeant):
    """Which messages are meant, and which part of the list."""

    before: Number | None = Field(None, description="Only those with lower numbers: where the page before ended.")
    count: int = Field(50, ge=1, le=MOST_LISTED)


class SentSearch(SentPage):
    """The same about one patient; what is asked stands in no URL."""

    patient: Name = Field(min_length=1, description="Logical id of the Patient.")


class Switching(Asking):
    """What is to go on for a destination, and why."""

    mode: ModeName
    reason: Name = ""


class Reviving(Asking):
    """Whose dead messages are sent again."""

    destination: Name = Field(min_length=1)
    most: int = Field(1000, ge=1, le=10_000, description="The oldest first.")


class Revived(BaseModel):
    """How many messages are sent again."""

    count: int


class Renumbered(BaseModel):
    """The number that a message has from now on."""

    number: int


class DestinationShown(BaseModel):
    """A destination and how it stands."""

    name: str
    is_known: bool = Field(description="Whether a file of a site names it.")
    host: str
    port: int
    tls: bool
    messages: list[str]
    mode: ModeName
    reason: str
    changed_at: datetime | None
    waiting: int
    lag_seconds: float
    attempts: int = Field(description="How often the oldest message that waits was sent.")
    trouble: str = Field(description="What went wrong with it the last time.")
    dead: int
    unmade: int
    withdrawn: int = Field(description="Messages it might not see any more when they were to be sent.")
    answered_at: datetime | None

    @classmethod
    def of(cls, view: DestinationView) -> Self:
        """Return it as it is shown."""
        file, stands = view.file, view.standing
        return cls(
            name=stands.destination,
            is_known=file is not None,
            host="" if file is None else file.host,
            port=0 if file is None else file.port,
            tls=file is not None and file.tls,
            messages=[] if file is None else list(file.messages),
            mode=mode_name(stands.mode),
            reason=stands.reason,
            changed_at=instant(stands.changed_at or None),
            waiting=stands.waiting,
            lag_seconds=view.lag_seconds,
            attempts=stands.attempts,
            trouble=stands.trouble,
            dead=stands.dead,
            unmade=stands.unmade,
            withdrawn=stands.withdrawn,
            answered_at=instant(stands.answered_at),
        )


class SentInList(BaseModel):
    """A message that is sent: nothing of what it says."""

    number: int
    destination: str
    control_id: str
    type: str
    resource: str
    version: int
    state: FateName
    reason: str
    attempts: int
    made_at: datetime | None
    first_sent_at: datetime | None
    not_before: datetime | None = Field(description="It is not sent again before this.")
    settled_at: datetime | None

    @classmethod
    def of(cls, queued: Queued) -> Self:
        """Return it as it is shown."""
        return cls(
            number=queued.number,
            destination=queued.destination,
            control_id=queued.control_id,
            type=queued.message_type,
            resource=queued.resource,
            version=queued.version,
            state=fate_name(queued.fate),
            reason=queued.reason,
            attempts=queued.attempts,
            made_at=instant(queued.made_at),
            first_sent_at=instant(queued.first_sent_at or None),
            not_before=instant(queued.not_before or None),
            settled_at=instant(queued.settled_at or None),
        )


class SentMessages(BaseModel):
    """A page of a list, the newest first."""

    messages: list[SentInList]
    before: int | None = Field(description="Asks for the next page; null on the last one.")


class SentSaid(BaseModel):
    """What a message says, and what the destination answered."""

    text: str
    segments: list[Part]
    answer: str

    @classmethod
    def of(cls, content: SentContent) -> Self:
        """Return it as it is shown."""
        parts = [
            Part(id=each.id, values=[Value(place=x.place, value=x.value, is_unmapped=False) for x in each.leaves])
            for each in content.segments
        ]
        return cls(text=content.text, segments=parts, answer=content.answer)


def fate_name(fate: Fate) -> FateName:
    """Return what became of a message, as it is shown."""
    names: dict[Fate, FateName] = {
        Fate.WAITING: "waiting",
        Fate.DONE: "done",
        Fate.DEAD: "dead",
        Fate.CLOSED: "closed",
        Fate.UNMADE: "unmade",
        Fate.WITHDRAWN: "withdrawn",
    }
    return names[fate]


def mode_name(mode: Mode) -> ModeName:
    """Return what goes on for a destination, as it is shown."""
    names: dict[Mode, ModeName] = {Mode.RUNS: "runs", Mode.PAUSED: "paused", Mode.DRAINS: "drains"}
    return names[mode]
