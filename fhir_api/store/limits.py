"""What a request may cost the store, by the class of the request.

Spec: https://hl7.org/fhir/R4/valueset-issue-type.html (``too-costly``)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class RequestClass(StrEnum):
    """Requests that may cost alike."""

    SEARCH = "search"
    CONDITIONAL = "conditional"
    """The criteria of conditional interactions."""
    HISTORY = "history"
    OPERATION = "operation"
    """What operations such as ``$everything`` read."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds on one call of the store.

    Attributes:
        seconds: from the call to its answer, waiting for a connection included.
        cost: what the planner may expect of one statement, in its own units; 0 for anything.
    """

    seconds: float
    cost: int = 0


_DEFAULT: Final = MappingProxyType(
    {
        RequestClass.SEARCH: Limit(4, 20_000_000),
        RequestClass.CONDITIONAL: Limit(4, 20_000_000),
        RequestClass.HISTORY: Limit(4),
        RequestClass.OPERATION: Limit(20, 100_000_000),
    }
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of every class.

    Attributes:
        of: the limit of each class.
        costly_connections: how many connections of a process costly statements may hold at once.
    """

    of: Mapping[RequestClass, Limit] = field(default_factory=lambda: _DEFAULT)
    costly_connections: int = 2


_within: ContextVar[RequestClass | None] = ContextVar("request_class", default=None)


@contextmanager
def counted_as(request_class: RequestClass) -> Iterator[None]:
    """Count whatever the store is asked inside the ``with`` as *request_class*."""
    token = _within.set(request_class)
    try:
        yield
    finally:
        _within.reset(token)


def class_of(own: RequestClass) -> RequestClass:
    """Return the class that a call counts as: its *own*, unless :func:`counted_as` says otherwise."""
    return _within.get() or own
