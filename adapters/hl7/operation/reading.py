"""A message as people read it: by segment and place, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from adapters.hl7.encoding.message import Message
from adapters.hl7.errors import Hl7Error
from adapters.hl7.store.port import StoredMessage, Work
from fhir_api.model import exact_json

_PATIENT = re.compile(r"(?:^|/)Patient/([A-Za-z0-9\-.]{1,64})(?:/|$)")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of a message.

    Attributes:
        place: such as ``PID-3[2].1``.
        value: as it stands in the message.
        is_unmapped: whether no row maps it.
    """

    place: str
    value: str
    is_unmapped: bool


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A segment with its values."""

    id: str
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says, and what was made of it.

    Attributes:
        text: as it came, a segment a line.
        answer: what its sender was answered; empty for nothing.
        fault: why it cannot be read; empty where it can.
        segments: its values.
        bundle: what was sent to the FHIR server; None where nothing was made.
        locations: versions that came of it, such as ``Patient/1/_history/2``.
        outcome: what the FHIR server refused it with.
    """

    text: str
    answer: str
    fault: str
    segments: tuple[SegmentView, ...]
    bundle: dict[str, Any] | None
    locations: tuple[str, ...]
    outcome: dict[str, Any] | None

    @property
    def patients(self) -> tuple[str, ...]:
        """Logical ids of the patients that were written."""
        found = (_PATIENT.search(each) for each in self.locations)
        return tuple(dict.fromkeys(each[1] for each in found if each is not None))


@dataclass(frozen=True, slots=True)
class Made:
    """What is kept of a message that was mapped, without its values.

    Attributes:
        plan: id of the plan; empty where none mapped it.
        structure: the rows that mapped it.
        mapped: how many values rows mapped.
        ignored: how many were left out, with a reason.
        unmapped: places that no row maps.
        issues: what a person should look at: severity, place, text.
    """

    plan: str = ""
    structure: str = ""
    mapped: int = 0
    ignored: int = 0
    unmapped: tuple[str, ...] = ()
    issues: tuple[tuple[str, str, str], ...] = ()


NOTHING = Made()


def made_of(work: Work | None) -> Made:
    """Return what was made of a message, without its values."""
    if work is None:
        return NOTHING
    kept = exact_json.read(work.made)
    ledger = kept["ledger"]
    issues = tuple((each["severity"], each["place"], each["text"]) for each in kept["issues"])
    return Made(work.plan, kept["structure"], ledger["mapped"], ledger["ignored"], tuple(ledger["unmapped"]), issues)


def content_of(stored: StoredMessage, work: Work | None) -> Content:
    """Return what a message says, and what was made of it."""
    kept = {} if work is None else exact_json.read(work.made)
    unmapped = frozenset(kept["ledger"]["unmapped"]) if kept else frozenset()
    segments, fault = _segments(stored, unmapped)
    return Content(
        text=lines(stored.raw, stored.charset),
        answer=lines(stored.answer, stored.charset),
        fault=fault,
        segments=segments,
        bundle=kept.get("bundle"),
        locations=tuple(each for each in kept.get("locations", ()) if each),
        outcome=kept.get("outcome"),
    )


def lines(raw: bytes, charset: str) -> str:
    """Return a message as text, a segment a line."""
    return raw.decode(charset, "replace").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def _segments(stored: StoredMessage, unmapped: Collection[str]) -> tuple[tuple[SegmentView, ...], str]:
    try:
        message = Message.parse(stored.raw, stored.charset)
    except Hl7Error as error:
        return (), f"{error.fault.condition.name} {error.fault.place}"
    return tuple(views_of(message, unmapped)), ""


def views_of(message: Message, unmapped: Collection[str] = ()) -> Iterator[SegmentView]:
    """Yield the segments of a message with their values; *unmapped* are places that no row maps."""
    counts: dict[str, int] = {}
    for segment in message:
        sequence = counts[segment.id] = counts.get(segment.id, 0) + 1
        leaves = tuple(
            Leaf(str(at).replace("[1]", ""), value, str(at) in unmapped) for at, value in segment.leaves(sequence)
        )
        yield SegmentView(segment.id, leaves)
