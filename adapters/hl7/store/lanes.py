"""Lanes: messages about the same patient are worked on in the order they came.

A lane is known by a hash only, so that it says nothing about a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from adapters.hl7.encoding.location import Location
from adapters.hl7.encoding.message import Message

_MERGED_FIELDS = {("PID", 3): ("MRG", 1)}
"""Where a merge (A18, A30, A34, A39, A40 and their like) names the patient that is merged."""


def lanes_of(message: Message, places: Sequence[Location], sender: str) -> tuple[int, ...]:
    """Return the numbers of the lanes of *message*: one for each patient it names, merged ones among them.

    A message that names nobody stands in its sender's own lane.

    Args:
        message: the message.
        places: whose values together make a lane: PID-3.1 and PID-3.4.
        sender: name of its sender.
    """
    keys = {_key(message, place_of) for place_of in _occurrences(message, places)}
    named = sorted(key for key in keys if any(key)) or [("", sender)]
    return tuple(sorted({_hash(key) for key in named}))


def _occurrences(message: Message, places: Sequence[Location]) -> list[tuple[Location, ...]]:
    """Return the places for each segment they are in, and those of the merged patient."""
    found: list[tuple[Location, ...]] = []
    merged = [_merged(place) for place in places]
    for alternative in (tuple(places), tuple(place for place in merged if place is not None)):
        if alternative:
            count = len(message.all(alternative[0].segment))
            found += [
                tuple(place._replace(sequence=place.sequence or number) for place in alternative)
                for number in range(1, count + 1)
            ]
    return found


def _merged(place: Location) -> Location | None:
    field = _MERGED_FIELDS.get((place.segment, place.field))
    return None if field is None else place._replace(segment=field[0], field=field[1])


def _key(message: Message, places: tuple[Location, ...]) -> tuple[str, ...]:
    return tuple(message[place] for place in places)


def _hash(key: tuple[str, ...]) -> int:
    digest = blake2b("\x1f".join(key).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
