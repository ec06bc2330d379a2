"""Which code answers a message, if any: original and enhanced mode.

A sender that values neither MSH-15 nor MSH-16 speaks the original mode and gets one answer, an application
acknowledgement. Otherwise it says when it wants an accept acknowledgement (MSH-15) and an application acknowledgement
(MSH-16); of the two, one that is not valued is not wanted. A refusal is told once: by the accept acknowledgement where
MSH-15 lets it be told, else by the application acknowledgement where MSH-16 does.

Spec: HL7 v2.8.2 chapter 2, 2.9.2 and 2.14.9.15, tables 0008 and 0155.
"""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """What became of a message."""

    STORED = "stored"
    """It is on disk; or, as an application's outcome, it is applied."""
    REFUSED = "refused"
    """It is not acceptable: sent again, it will be refused again."""
    ERROR = "error"
    """It could not be dealt with; its content is not to blame where the text does not say so."""


class Mode(Enum):
    """The rules a sender goes by."""

    ORIGINAL = "original"
    ENHANCED = "enhanced"


_ACCEPT = {Outcome.STORED: "CA", Outcome.REFUSED: "CR", Outcome.ERROR: "CE"}
_APPLICATION = {Outcome.STORED: "AA", Outcome.REFUSED: "AR", Outcome.ERROR: "AE"}


def mode_of(msh_15: str, msh_16: str) -> Mode:
    """Return the mode that MSH-15 and MSH-16 declare."""
    return Mode.ENHANCED if msh_15 or msh_16 else Mode.ORIGINAL


def accept_code(msh_15: str, msh_16: str, outcome: Outcome) -> str | None:
    """Return MSA-1 of the answer when a message is stored, or cannot be; None when none is wanted.

    In the original mode it is an application acknowledgement: nothing but storing it is promised.
    """
    if mode_of(msh_15, msh_16) is Mode.ORIGINAL:
        return _APPLICATION[outcome]
    if _wants(msh_15, outcome):
        return _ACCEPT[outcome]
    # nothing will apply it any more, so this is the application's last word, too
    if outcome is not Outcome.STORED and _wants(msh_16, outcome):
        return _APPLICATION[outcome]
    return None


def application_code(msh_15: str, msh_16: str, outcome: Outcome, *, deferred: bool = False) -> str | None:
    """Return MSA-1 of the answer when a stored message has been applied, or cannot be; None when none is wanted.

    In the original mode it was answered when it was stored; *deferred*: that answer said that this one would follow.
    """
    if mode_of(msh_15, msh_16) is Mode.ORIGINAL:
        return _APPLICATION[outcome] if deferred else None
    return _APPLICATION[outcome] if _wants(msh_16, outcome) else None


def may_follow(msh_15: str, msh_16: str, *, deferred: bool = False) -> bool:
    """Tell whether a stored message may be answered by an application acknowledgement."""
    return any(application_code(msh_15, msh_16, outcome, deferred=deferred) for outcome in Outcome)


def _wants(condition: str, outcome: Outcome) -> bool:
    """Tell whether a condition of table 0155 asks for an answer; one that is not in the table asks for all."""
    if condition in {"", "NE"}:
        return False
    if condition == "ER":
        return outcome is not Outcome.STORED
    if condition == "SU":
        return outcome is Outcome.STORED
    return True
