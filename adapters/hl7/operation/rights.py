"""Who may do what with messages: rights come from roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from stanforis.audit import Who


class Right(Enum):
    """What somebody may do."""

    LOOK = "look"
    """See senders, lists and counts: nothing of what messages say."""
    READ = "read"
    """See what messages say of patients."""
    WORK = "work"
    """Replay, close, answer questions."""
    CORRECT = "correct"
    """Put another content in place of a message's."""


EVERYTHING = frozenset(Right)
_OF_ROLES: Mapping[str, frozenset[Right]] = MappingProxyType(
    {
        "administrator": frozenset({Right.LOOK, Right.WORK}),
        "integrator": EVERYTHING,
        "owner": EVERYTHING,
    }
)
CHANGING = frozenset({Right.WORK, Right.CORRECT})


def rights_of(roles: Iterable[str]) -> frozenset[Right]:
    """Return what *roles* allow together."""
    return frozenset(right for role in roles for right in _OF_ROLES.get(role, ()))


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who was let in.

    Attributes:
        who: for the audit trail.
        rights: what they may do.
        name: what pages call them; empty where nobody is known.
        secret: of their browser, which forms hold on to; empty where there is none.
    """

    who: Who
    rights: frozenset[Right]
    name: str = ""
    secret: str = ""

    def may(self, right: Right) -> bool:
        """Tell whether they have a right."""
        return right in self.rights
