"""Sets of codes whose members are known, not known, or told by a rule, and what can be made of them.

Truth has three values: None is "cannot be told".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

Truth: TypeAlias = "bool | None"
Contains: TypeAlias = "Callable[[str], bool | None]"
Fold: TypeAlias = "Callable[[str], str]"


def either(first: Truth, second: Truth) -> Truth:
    """Return True if one is true, None if one cannot be told, else False."""
    if first or second:
        return True
    return None if first is None or second is None else False


def both(first: Truth, second: Truth) -> Truth:
    """Return False if one is false, None if one cannot be told, else True."""
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def opposite(truth: Truth) -> Truth:
    """Return the other one; what cannot be told stays so."""
    return None if truth is None else not truth


@dataclass(frozen=True, slots=True)
class Codes:
    """Codes of one code system.

    Attributes:
        contains: tells whether a code is one of them.
        listed: all of them; None where they cannot be listed.
        fold: gives a code as the code system writes it, where the system is not case-sensitive.
    """

    contains: Contains
    listed: frozenset[str] | None = None
    fold: Fold | None = None

    def __or__(self, other: Codes) -> Codes:
        """Return the codes of one or the other."""
        if self.listed is not None and other.listed is not None:
            return listed(self.listed | other.listed, self.fold or other.fold)
        return _judged(lambda code: either(self.contains(code), other.contains(code)))

    def __and__(self, other: Codes) -> Codes:
        """Return the codes of both."""
        if self.listed is not None and other.listed is not None:
            return listed(self.listed & other.listed, self.fold or other.fold)
        return _judged(lambda code: both(self.contains(code), other.contains(code)))

    def __sub__(self, other: Codes) -> Codes:
        """Return the codes that are not of the other."""
        if self.listed is not None and other.listed is not None:
            return listed(self.listed - other.listed, self.fold or other.fold)
        return _judged(lambda code: both(self.contains(code), opposite(other.contains(code))))


def listed(codes: frozenset[str], fold: Fold | None = None) -> Codes:
    """Return exactly these codes."""
    if fold is None:
        return Codes(codes.__contains__, codes)
    return Codes(lambda code: code in codes or fold(code) in codes, codes, fold)


def _judged(contains: Contains) -> Codes:
    """Return the codes that a rule over other rules tells.

    It remembers: value sets that import the same ones by many ways would ask those as often as there are ways.
    """
    return Codes(lru_cache(maxsize=256)(contains))


NO_CODES: Final = listed(frozenset())
UNKNOWN_CODES: Final = Codes(lambda _code: None)


@dataclass(frozen=True, slots=True)
class Membership:
    """Codes of several code systems.

    Attributes:
        systems: the codes by code system.
        others: the codes of each system that is not named: none, or not known which.
    """

    systems: Mapping[str, Codes] = field(default_factory=dict)
    others: Codes = NO_CODES

    def of(self, system: str) -> Codes:
        """Return the codes of one system."""
        return self.systems.get(system, self.others)

    def __or__(self, other: Membership) -> Membership:
        """Return the codes of one or the other."""
        return self._combined(other, Codes.__or__)

    def __and__(self, other: Membership) -> Membership:
        """Return the codes of both."""
        return self._combined(other, Codes.__and__)

    def __sub__(self, other: Membership) -> Membership:
        """Return the codes that are not of the other."""
        return self._combined(other, Codes.__sub__)

    def _combined(self, other: Membership, combine: Callable[[Codes, Codes], Codes]) -> Membership:
        systems = {system: combine(self.of(system), other.of(system)) for system in {**self.systems, **other.systems}}
        return Membership(systems, combine(self.others, other.others))


UNKNOWN: Final = Membership(others=UNKNOWN_CODES)
"""The membership of a value set of which nothing is known."""
NOTHING: Final = Membership()
"""The membership of a value set without codes."""
