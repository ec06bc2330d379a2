"""Segments in the groups of their message structure, such as an OBX under its OBR.

Nothing is refused and nothing left out: a Z segment, or one that the structure has no place for, stays in the group
where it stands, in its order.

Spec: HL7 v2.8.2 chapter 2, 2.5.2 and 2.12 (chapter formats for defining messages).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from adapters.hl7.encoding.message import Message
from adapters.hl7.encoding.segment import Segment
from adapters.hl7.structures.library import structure_of, version_of
from adapters.hl7.structures.rows import Member


@dataclass(slots=True)
class Group:
    """One occurrence of a group.

    Attributes:
        name: of the structure or the group.
        children: segments and groups, in the order of the message.
        unplaced: of a whole message, the segments that its structure has no place for; they are children, too.
    """

    name: str
    children: list[Segment | Group] = field(default_factory=list)
    unplaced: list[Segment] = field(default_factory=list)

    def segments(self, segment_id: str) -> list[Segment]:
        """Return its own segments with this id, not those of groups inside it."""
        return [each for each in self.children if isinstance(each, Segment) and each.id == segment_id]

    def segment(self, segment_id: str) -> Segment | None:
        """Return the first of its own segments with this id, or None."""
        found = self.segments(segment_id)
        return found[0] if found else None

    def groups(self, name: str) -> list[Group]:
        """Return the groups in it, at any depth, whose name is or ends in *name*: ``ORDER_OBSERVATION``."""
        return [each for each in self._descendants() if each.name == name or each.name.endswith(f"_{name}")]

    def all_segments(self) -> Iterator[Segment]:
        """Yield every segment of it and of the groups in it, in the order of the message."""
        for each in self.children:
            if isinstance(each, Segment):
                yield each
            else:
                yield from each.all_segments()

    def _descendants(self) -> Iterator[Group]:
        for each in self.children:
            if isinstance(each, Group):
                yield each
                yield from each._descendants()


def group(message: Message) -> Group:
    """Return the segments of *message* in their groups; all in one when its structure is not known."""
    code, event, structure = (message[f"MSH-9.{part}"] for part in (1, 2, 3))
    root = structure_of(version_of(message["MSH-12"]), code, event, structure)
    return _Builder(root or Member(structure or f"{code}_{event}")).build(message)


@dataclass(slots=True)
class _Open:
    """A group being filled: its definition, and the member that was used last (-1: none yet)."""

    member: Member
    group: Group
    position: int = -1


class _Builder:
    def __init__(self, root: Member) -> None:
        self._open = [_Open(root, Group(root.name))]

    def build(self, message: Message) -> Group:
        for segment in message:
            if segment.id.startswith("Z") or not (self._place(segment, strict=True) or self._place(segment)):
                current = self._open[-1].group
                current.children.append(segment)
                if not segment.id.startswith("Z") and self._open[0].member.members:
                    self._open[0].group.unplaced.append(segment)
        return self._open[0].group

    def _place(self, segment: Segment, *, strict: bool = False) -> bool:
        """Put a segment into the innermost group that has a place for it: further on, or in one more repetition."""
        for depth in range(len(self._open) - 1, -1, -1):
            opened = self._open[depth]
            position = _next(opened, segment.id, strict=strict)
            if position is None and depth and _repeats(opened, segment.id, strict=strict):
                again = _Open(opened.member, Group(opened.member.name))
                self._open[depth - 1].group.children.append(again.group)
                opened, position = again, _next(again, segment.id, strict=strict)
            if position is not None:
                self._open[depth:] = [opened]
                self._enter(opened, position, segment, strict=strict)
                return True
        return False

    def _enter(self, opened: _Open, position: int, segment: Segment, *, strict: bool) -> None:
        """Put a segment at a member of an open group; into the groups inside it where the member is one."""
        opened.position = position
        member = opened.member.members[position]
        if not member.members:
            opened.group.children.append(segment)
            return
        inner = _Open(member, Group(member.name))
        opened.group.children.append(inner.group)
        self._open.append(inner)
        further = _next(inner, segment.id, strict=strict)
        if further is not None:
            self._enter(inner, further, segment, strict=strict)


def _next(opened: _Open, segment_id: str, *, strict: bool) -> int | None:
    """Return the next member that takes a segment: the last used one again, or one after it."""
    members = opened.member.members
    last = opened.position
    if opened.member.is_choice and last >= 0:
        members = members[: last + 1]
    for position in range(max(last, 0), len(members)):
        member = members[position]
        if position == last and member.max == 1 and (strict or member.members):
            continue
        if segment_id in (_starts(member) if strict else _holds(member)):
            return position
    return None


def _repeats(opened: _Open, segment_id: str, *, strict: bool) -> bool:
    return opened.member.max != 1 and segment_id in (_starts(opened.member) if strict else _holds(opened.member))


@lru_cache(maxsize=8192)
def _holds(member: Member) -> frozenset[str]:
    """Return the ids of all segments that may be somewhere in a member."""
    if not member.members:
        return frozenset((member.name,))
    return frozenset[str]().union(*(_holds(each) for each in member.members))


@lru_cache(maxsize=8192)
def _starts(member: Member) -> frozenset[str]:
    """Return the ids of the segments that a member may begin with."""
    if not member.members:
        return frozenset((member.name,))
    found = frozenset[str]()
    for each in member.members:
        found |= _starts(each)
        if each.min and not member.is_choice:
            break
    return found
