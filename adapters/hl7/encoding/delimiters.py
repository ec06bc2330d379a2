"""The characters that separate the parts of a message, as its header declares them.

Spec: HL7 v2.8.2 chapter 2, 2.5.4 (message delimiters).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from adapters.hl7.errors import Condition, Place, refuse

HEADERS = ("MSH", "FHS", "BHS")
"""Segments whose first field is the field separator itself."""
_MOST = 5
_DOUBLED = "\\\\"
"""What a layer that escapes backslashes makes of one."""


class Delimiters(NamedTuple):
    """The delimiters; one that the header leaves out is empty, and nothing is separated by it.

    Attributes:
        field: MSH-1.
        component: first character of MSH-2.
        repetition: its second.
        escape: its third; twice where the header declares a doubled backslash (:func:`declared`).
        subcomponent: its fourth.
        truncation: its fifth (2.7 and later).
    """

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    @property
    def encoding_characters(self) -> str:
        """MSH-2."""
        return "".join(self[1:])


RECOMMENDED = Delimiters()
"""What the standard recommends and nearly everybody sends."""


@lru_cache(maxsize=64)
def declared(start: str) -> Delimiters:
    r"""Return the delimiters that a header declares.

    A backslash that stands there twice is what a layer below the sender, such as one that writes JSON, made of one: no
    character can be two delimiters, so there is one way to read it, and the escape delimiter is written twice.

    Args:
        start: the header up to the end of its second field: ``MSH|^~\&``.

    Raises:
        Hl7Error: they are missing, too many, equal to each other, or letters, digits or control characters.
    """
    doubled, characters = _DOUBLED in start, start[3:].replace(_DOUBLED, _DOUBLED[0], 1)
    if len(characters) < 2:  # noqa: PLR2004 - the field separator and the component separator
        raise _refused(start, "the delimiters are missing")
    if len(characters) > 1 + _MOST:
        raise _refused(start, f"{len(characters) - 1} encoding characters, at most {_MOST} are defined")
    if len(set(characters)) != len(characters):
        raise _refused(start, "a delimiter is declared twice")
    if any(each.isalnum() or each.isspace() or not each.isprintable() for each in characters):
        raise _refused(start, "a letter, a digit, a space or a control character cannot be a delimiter")
    found = Delimiters(*characters, *[""] * (1 + _MOST - len(characters)))
    if not doubled:
        return found
    if found.escape != _DOUBLED[0]:
        raise _refused(start, "a doubled backslash stands where the escape character does not")
    return found._replace(escape=_DOUBLED)


def _refused(start: str, text: str) -> Exception:
    return refuse(Condition.DATA_TYPE, text, Place(start[:3], 1, 2))
