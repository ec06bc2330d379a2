"""Segments of a message at the places of its mapping rows.

The rows of a message name its segments by their groups, so they are its structure: a small automaton, whose steps are
remembered, says for each segment which row place it has and which groups open and close.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from adapters.hl7.encoding import Message, Segment
from adapters.hl7.mapping.targets import Made


class Place(NamedTuple):
    """A segment or group of the structure.

    Attributes:
        name: segment id, or the name of the group.
        key: what its rows call it: ``ORU_R01.PATIENT_RESULT.PATIENT.PID``.
        repeats: whether it may come more than once.
        members: of a group, in order.
    """

    name: str
    key: str
    repeats: bool
    members: tuple[Place, ...] = ()


class Occurrence:
    """One occurrence of a group.

    Attributes:
        key: the group's.
        parent: the group around it.
        segments: its own segments, the last of each id.
        inner: segments of the groups directly in it, the last of each id: the ORC of an order stands in one.
        made: resources that were begun in it or in groups in it, the last of each label.
    """

    __slots__ = ("inner", "key", "made", "parent", "segments")

    def __init__(self, key: str, parent: Occurrence | None) -> None:
        self.key = key
        self.parent = parent
        self.segments: dict[str, Segment] = {}
        self.inner: dict[str, Segment] = {}
        self.made: dict[str, Made] = {}

    def segment(self, segment_id: str) -> Segment | None:
        """Return the last segment with this id: here, in a group of it, or in the nearest group around."""
        here: Occurrence | None = self
        while here is not None:
            found = here.segments.get(segment_id) or here.inner.get(segment_id)
            if found is not None:
                return found
            here = here.parent
        return None

    def around(self, key: str) -> Occurrence:
        """Return itself or the group around it that has *key*; the whole message where none has."""
        here = self
        while here.key != key and here.parent is not None:
            here = here.parent
        return here

    def find(self, label: str) -> Made | None:
        """Return the resource with this label that stands nearest."""
        here: Occurrence | None = self
        while here is not None:
            found = here.made.get(label)
            if found is not None:
                return found
            here = here.parent
        return None

    def register(self, label: str, made: Made) -> None:
        """Keep a resource for rows of this group and those around it."""
        here: Occurrence | None = self
        while here is not None:
            here.made[label] = made
            here = here.parent


class Positioned(NamedTuple):
    """A segment with its place.

    Attributes:
        number: of the segment in the message.
        segment: the segment.
        key: what its rows call it; empty where the structure has no place for it.
        group: the group that it stands in.
    """

    number: int
    segment: Segment
    key: str
    group: Occurrence


_State = tuple[tuple[Place, int], ...]
"""The open groups from the outermost in, each with the member that was used last (-1: none)."""


class _Move(NamedTuple):
    keep: int
    opened: tuple[Place, ...]
    key: str
    state: _State


class Layout:
    """The structure of a message.

    Args:
        root: the structure.
        floating: keys of segments that may stand anywhere, by their id: they stay in the group where they stand.
    """

    def __init__(self, root: Place, floating: Mapping[str, str] = MappingProxyType({})) -> None:
        self._floating = floating
        self._start: _State = ((root, -1),)
        self._moves: dict[tuple[_State, str], _Move] = {}
        self._root = root
        self._elsewhere = dict(reversed([(key.rsplit(".", 1)[-1], key) for key in keys(root.members)]))

    def place(self, message: Message) -> list[Positioned]:
        """Return the segments with their places, in the order of the message."""
        state = self._start
        groups = [Occurrence(self._root.key, None)]
        found: list[Positioned] = []
        for number, segment in enumerate(message.segments):
            move = self._moves.get((state, segment.id))
            if move is None:
                move = self._moves[state, segment.id] = _move(state, segment.id)
            state = move.state
            del groups[move.keep :]
            for opened in move.opened:
                groups.append(Occurrence(opened.key, groups[-1]))
            key, group = move.key, groups[-1]
            if not key and segment.id in self._floating:
                key = self._floating[segment.id]
            elif not key:
                # out of its order: the first place that has it anywhere
                key = self._elsewhere.get(segment.id, "")
                group = group.around(key.rpartition(".")[0]) if key else group
            group.segments[segment.id] = segment
            if group.parent is not None:
                group.parent.inner[segment.id] = segment
            found.append(Positioned(number, segment, key, group))
        return found


def _move(state: _State, segment_id: str) -> _Move:
    """Return where a segment goes: to the innermost group that has a place for it, now or in one more repetition."""
    for depth in range(len(state) - 1, -1, -1):
        place, last = state[depth]
        position = _next(place, last, segment_id)
        if position is not None:
            return _entered(state[:depth], (place, position), depth + 1, segment_id, ())
        if depth and place.repeats:
            position = _next(place, -1, segment_id)
            if position is not None:
                return _entered(state[:depth], (place, position), depth, segment_id, (place,))
    return _Move(len(state), (), "", state)


def _entered(outer: _State, at: tuple[Place, int], keep: int, segment_id: str, opened: tuple[Place, ...]) -> _Move:
    place, position = at
    state = (*outer, at)
    member = place.members[position]
    while member.members:
        opened = (*opened, member)
        inner = _next(member, -1, segment_id)
        position = 0 if inner is None else inner
        state = (*state, (member, position))
        member = member.members[position]
    return _Move(keep, opened, member.key, state)


def _next(place: Place, last: int, segment_id: str) -> int | None:
    for position in range(max(last, 0), len(place.members)):
        member = place.members[position]
        if position == last and (member.members or not member.repeats):
            continue
        if segment_id in _holds(member):
            return position
    return None


def _holds(place: Place) -> frozenset[str]:
    if not place.members:
        return frozenset((place.name,))
    return frozenset[str]().union(*(_holds(each) for each in place.members))


def keys(places: Iterable[Place]) -> Iterable[str]:
    """Yield the keys of all segments of a structure."""
    for place in places:
        if place.members:
            yield from keys(place.members)
        else:
            yield place.key
