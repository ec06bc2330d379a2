"""The ledger of a mapped message: what became of each leaf. Nothing vanishes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from adapters.hl7.encoding import Location, Message
from adapters.hl7.mapping.run import Place, Run


@dataclass(frozen=True, slots=True)
class Ledger:
    """What became of each leaf (subcomponent that is not empty) of a message.

    Attributes:
        mapped: leaves that a row mapped.
        ignored: leaves that say nothing for FHIR, with the reason.
        unmapped: leaves that no row maps; the message keeps them.
    """

    mapped: tuple[Location, ...]
    ignored: tuple[tuple[Location, str], ...]
    unmapped: tuple[Location, ...]

    @property
    def total(self) -> int:
        """How many leaves there are."""
        return len(self.mapped) + len(self.ignored) + len(self.unmapped)


class Ignored:
    """Places that rows leave out, each with its reason.

    Args:
        rows: ``place`` (``PID-1``, ``PID-3.6``, ``ZXY`` or ``Z*``), ``reason``, and ``same``: a field of a segment
            before it; the place is left out only where it says the same.
    """

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        listed = list(rows)
        self._reasons = {row["place"]: row["reason"] for row in listed if not row.get("same")}
        self._same = {row["place"]: (row["same"], row["reason"]) for row in listed if row.get("same")}

    def reason(self, segment: str, field: int, component: int) -> str | None:
        """Return why a place is left out; None for one that is not."""
        reasons = self._reasons
        return (
            reasons.get(f"{segment}-{field}.{component}")
            or reasons.get(f"{segment}-{field}")
            or reasons.get(segment)
            or (reasons.get("Z*") if segment[0] == "Z" else None)
        )

    def repeated(self, message: Message, number: int, field: int) -> str | None:
        """Return why a field is left out that says what a segment before it said; None for one that does not."""
        segment = message.segments[number]
        same = self._same.get(f"{segment.id}-{field}")
        if same is None:
            return None
        other, _, position = same[0].partition("-")
        before = next((each for each in reversed(message.segments[:number]) if each.id == other), None)
        said = before.texts[int(position)] if before is not None and int(position) < len(before.texts) else ""
        return same[1] if said == segment.texts[field] else None


def account(run: Run, ignored: Ignored) -> Ledger:
    """Return what became of each leaf of the message of *run*."""
    used: Collection[Place] = set(run.used)
    mapped: list[Location] = []
    left: list[tuple[Location, str]] = []
    unmapped: list[Location] = []
    for number, location in _numbered(run.message):
        _, _, field, repetition, component, subcomponent = location
        if (number, field, repetition, component, subcomponent) in used:
            mapped.append(location)
        elif (
            reason := ignored.reason(location.segment, field, component) or ignored.repeated(run.message, number, field)
        ) is not None:
            left.append((location, reason))
        else:
            unmapped.append(location)
    return Ledger(tuple(mapped), tuple(left), tuple(unmapped))


def _numbered(message: Message) -> Iterable[tuple[int, Location]]:
    """Yield each leaf with the number of its segment."""
    counts: dict[str, int] = {}
    for number, segment in enumerate(message.segments):
        sequence = counts[segment.id] = counts.get(segment.id, 0) + 1
        for location, _ in segment.leaves(sequence):
            yield number, location
