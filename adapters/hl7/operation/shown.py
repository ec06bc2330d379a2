"""What the interface takes and gives, as its OpenAPI document describes it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from adapters.hl7.operation.answers import Asked, Coding
from adapters.hl7.operation.coverage import Coverage
from adapters.hl7.operation.desk import Seen
from adapters.hl7.operation.reading import Content
from adapters.hl7.operation.standing import SenderView
from adapters.hl7.store.looking import Criteria, Listed, State

MOST_LISTED = 500
MOST_CHARACTERS = 16 << 20
Number = Annotated[int, Field(ge=1, le=(1 << 63) - 1)]
Name = Annotated[str, Field(max_length=400)]
Reason = Annotated[str, Field(min_length=3, max_length=400, pattern=r"\S")]


def instant(milliseconds: int | None) -> datetime | None:
    """Return milliseconds since 1970 as a time in UTC."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def milliseconds(at: datetime | None) -> int:
    """Return a time, in UTC where it says no offset, as milliseconds since 1970; 0 for none."""
    if at is None:
        return 0
    return round((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)


class Asking(BaseModel):
    """Somebody asks for something; what is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class Meant(Asking):
    """Which messages are meant: those that fit all that is given."""

    sender: Name = Field("", description="`site/sender`.")
    type: Name = Field("", description="`ADT^A01`, or `ADT` for all its events.")
    state: State | None = None
    control_id: Name = Field("", description="MSH-10.")
    since: datetime | None = Field(None, description="Received at or after this; UTC where it says no offset.")
    until: datetime | None = Field(None, description="Received before this.")

    def criteria(self) -> Criteria:
        """Return them for the store."""
        since, until = milliseconds(self.since), milliseconds(self.until)
        return Criteria(self.sender, self.type, self.state, self.control_id, since, until)


class Page(Meant):
    """Which messages are meant, and which part of the list."""

    before: Number | None = Field(None, description="Only those with lower numbers: where the page before ended.")
    count: int = Field(50, ge=1, le=MOST_LISTED)


class Replaying(Meant):
    """Which messages are worked on again."""

    numbers: list[Number] = Field([], max_length=10_000, description="Single messages, in place of criteria.")
    later: bool = Field(True, description="Also mapped messages about the same patients that came later, in order.")
    rate: float = Field(0, ge=0, le=100_000, description="Messages a second at most; 0: as many as can be.")
    dry_run: bool = Field(False, description="Count them only.")


class Replayed(BaseModel):
    """How many messages are, or would be, worked on again."""

    count: int
    dry_run: bool


class Closing(Asking):
    """Why nothing more is done with a message."""

    reason: Reason


class Correcting(Asking):
    """What a message says from now on."""

    text: str = Field(min_length=1, max_length=MOST_CHARACTERS, description="A segment a line.")


class Corrected(BaseModel):
    """The message that stands in for another."""

    number: int


class Sent(BaseModel):
    """A sender and how it stands."""

    name: str
    application: str | None
    facility: str | None
    expected_seconds: int
    last_at: datetime | None
    is_silent: bool
    lag_seconds: float
    last_hour: int
    waiting: int
    parked: int
    dead: int

    @classmethod
    def of(cls, view: SenderView) -> Self:
        """Return it as it is shown."""
        told = {name: getattr(view, name) for name in cls.model_fields}
        return cls(**(told | {"last_at": instant(view.last_at)}))


class Patients(Asking):
    """Whose messages are looked for; what is asked stands in no URL."""

    patient: Annotated[str, Field(min_length=1, max_length=400, pattern=r"\S")] = Field(
        description="An identifier, such as `4711` or `urn:oid:1.2.3|4711`, or `Patient/` and the id in FHIR."
    )


class InList(BaseModel):
    """A message in a list: nothing of what it says."""

    number: int
    sender: str
    control_id: str
    type: str
    received_at: datetime
    state: State
    reason: str
    attempts: int
    size: int
    corrects: int | None

    @classmethod
    def of(cls, listed: Listed) -> Self:
        """Return it as it is shown."""
        told = listed._asdict()
        return cls(**(told | {"type": told.pop("message_type"), "received_at": instant(listed.received_at)}))


class Messages(BaseModel):
    """A page of a list, the newest first."""

    messages: list[InList]
    before: int | None = Field(description="Asks for the next page; null on the last one.")


class Shown(InList):
    """A message with what became of it: nothing of what it says."""

    corrections: list[int]
    later: int = Field(description="Mapped messages about the same patients that came later.")
    plan: str
    structure: str
    mapped: int
    ignored: int
    unmapped: list[str]
    issues: list[tuple[str, str, str]] = Field(description="Severity, place, text.")

    @classmethod
    def seen(cls, seen: Seen) -> Self:
        """Return it as it is shown."""
        made = seen.made
        return cls(
            **InList.of(seen.listed).model_dump(),
            corrections=list(seen.corrections),
            later=seen.later,
            plan=made.plan,
            structure=made.structure,
            mapped=made.mapped,
            ignored=made.ignored,
            unmapped=list(made.unmapped),
            issues=list(made.issues),
        )


class Value(BaseModel):
    """A value of a message."""

    place: str
    value: str
    is_unmapped: bool


class Part(BaseModel):
    """A segment."""

    id: str
    values: list[Value]


class Said(BaseModel):
    """What a message says, and what was made of it."""

    text: str
    answer: str
    fault: str
    segments: list[Part]
    bundle: dict[str, Any] | None
    locations: list[str]
    outcome: dict[str, Any] | None

    @classmethod
    def of(cls, content: Content) -> Self:
        """Return it as it is shown."""
        parts = [Part(id=each.id, values=[Value(**asdict(leaf)) for leaf in each.leaves]) for each in content.segments]
        return cls(
            text=content.text,
            answer=content.answer,
            fault=content.fault,
            segments=parts,
            bundle=content.bundle,
            locations=list(content.locations),
            outcome=content.outcome,
        )


class Covered(BaseModel):
    """What became of the values of some messages."""

    sender: str
    messages: int
    mapped: int
    ignored: int
    unmapped: int
    percent: float
    places: list[tuple[str, int]]
    plans: list[tuple[str, int]]

    @classmethod
    def of(cls, coverage: Coverage) -> Self:
        """Return it as it is shown."""
        told = {name: getattr(coverage, name) for name in cls.model_fields}
        return cls(**(told | {"percent": round(coverage.percent, 2)}))


class Meaning(Asking):
    """What a code means."""

    code: Annotated[str, Field(min_length=1, max_length=400, pattern=r"^\S+( \S+)*$")]
    system: Name = Field("", description="Empty takes that of the table's row with this code.")
    display: Name = ""

    def coding(self) -> Coding:
        """Return it as a Coding."""
        return Coding(self.code, self.system, self.display)


class Question(BaseModel):
    """A code that no row has, of a sender's message."""

    id: str
    sender: str
    table: str
    code: str
    asked_at: str
    answer: Meaning | None
    choices: list[Meaning] = Field([], description="Codes that rows of the table know; of a single question only.")

    @classmethod
    def of(cls, asked: Asked, choices: list[Meaning] | None = None) -> Self:
        """Return it as it is shown."""
        said = None if asked.answer is None else meaning(asked.answer)
        return cls(
            id=asked.id,
            sender=asked.sender,
            table=asked.table,
            code=asked.code,
            asked_at=asked.asked_at,
            answer=said,
            choices=choices or [],
        )


def meaning(coding: Coding) -> Meaning:
    """Return a Coding as it is shown; it need not be one that would be taken."""
    return Meaning.model_construct(code=coding.code, system=coding.system, display=coding.display)
