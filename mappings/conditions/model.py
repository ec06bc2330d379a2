"""What a condition is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias


class Operand(NamedTuple):
    """A place that a condition asks about.

    Attributes:
        name: segment id or data type; empty for the row's own place.
        field: position of the field of a segment, or of the component of a data type; 0 for the whole.
        component: position inside it; 0 for the whole.
    """

    name: str = ""
    field: int = 0
    component: int = 0


class Kind(Enum):
    """What a test asks."""

    VALUED = "VALUED"
    IN = "IN"
    COUNT = "COUNT"
    LENGTH = "LENGTH"


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a place.

    Attributes:
        operand: the place.
        kind: what is asked.
        negated: whether the answer is turned round.
        values: of ``IN``: texts, or places whose values they are.
        comparison: of ``COUNT`` and ``LENGTH``: ``=``, ``>``, ``<``, ``>=`` or ``<=``.
        number: what is compared with.
    """

    operand: Operand
    kind: Kind
    negated: bool = False
    values: tuple[str | Operand, ...] = ()
    comparison: str = "="
    number: int = 0


@dataclass(frozen=True, slots=True)
class All:
    """True when all parts are."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """True when one of the parts is."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = "Question | All | Any"
