"""Places of a message as people write them: ``PID-3.1``, ``OBX[2]-5``, ``PID-3[2].4.2``.

Spec: HL7 v2.8.2 chapter 2, 2.5.3 (fields) and 2.5.5; positions count from 1.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_FORM = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})(?:\[(?P<sequence>[1-9]\d{0,5})\])?"
    r"(?:-(?P<field>[1-9]\d{0,2})(?:\[(?P<repetition>[1-9]\d{0,5})\])?"
    r"(?:\.(?P<component>[1-9]\d{0,2})(?:\.(?P<subcomponent>[1-9]\d{0,2}))?)?)?"
)


class Location(NamedTuple):
    """A place; 0 where a number is not given.

    Attributes:
        segment: segment id.
        sequence: which one of the segments with this id.
        field: position of the field.
        repetition: which repetition of the field.
        component: position of the component.
        subcomponent: position of the subcomponent.
    """

    segment: str
    sequence: int = 0
    field: int = 0
    repetition: int = 0
    component: int = 0
    subcomponent: int = 0

    def __str__(self) -> str:
        """Return it as it is written."""
        text = self.segment + (f"[{self.sequence}]" if self.sequence else "")
        text += (f"-{self.field}" if self.field else "") + (f"[{self.repetition}]" if self.repetition else "")
        return text + "".join(f".{each}" for each in (self.component, self.subcomponent) if each)


@lru_cache(maxsize=4096)
def location(text: str) -> Location:
    """Return the place that *text* names.

    Raises:
        ValueError: it names none.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a place of a message, such as PID-3.1 or OBX[2]-5[1].3.2")
    segment, *numbers = found.groups()
    return Location(segment, *(int(each or 0) for each in numbers))
