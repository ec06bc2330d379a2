"""A bound on the work of one evaluation, for expressions that clients wrote.

Expressions of R4 itself are compiled without it and pay nothing for it.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any, Final

from fhir_api.fhirpath.errors import FhirPathBudgetError
from fhir_api.fhirpath.plan import Plan, Scope

STEPS: Final = 1_000_000
"""Parts of expressions evaluated, and items and texts they give; about a second's work."""
SECONDS: Final = 5.0
"""How long evaluations that share a budget may take together: regular expressions may be slow in one step."""
_PER_LOOK: Final = 64
"""Steps between two looks at the clock."""
_CHARACTERS: Final = 16
"""Characters of a text that count as one step."""


class Budget:
    """What evaluations that share it may still spend."""

    __slots__ = ("_ends", "_left", "_look")

    def __init__(self, steps: int = STEPS, seconds: float = SECONDS) -> None:
        """Begin with a number of steps; the time begins now."""
        self._left = steps
        self._ends = monotonic() + seconds
        self._look = steps - _PER_LOOK

    def spend(self, steps: int) -> None:
        """Take some steps.

        Raises:
            FhirPathBudgetError: there are none left, or no time.
        """
        left = self._left = self._left - steps
        if left < self._look:
            self._look = left - _PER_LOOK
            if left < 0 or monotonic() > self._ends:
                self._left = 0
                raise FhirPathBudgetError


def bounded(plan: Plan) -> Plan:
    """Return *plan* with each evaluation counted on the budget of the environment."""
    if plan.literals is not None:
        return plan
    many, one = plan.many, plan.one

    def counted_many(this: Any, scope: Scope) -> list[Any]:
        found = many(this, scope)
        size = len(found)
        _spend(scope, 1 + (size if size != 1 else _size(found[0])))
        return found

    def counted_one(this: Any, scope: Scope) -> Any:
        found = one(this, scope)
        _spend(scope, 1 + _size(found))
        return found

    return replace(plan, many=counted_many, one=counted_one)


def _spend(scope: Scope, steps: int) -> None:
    budget = scope.environment.budget
    if budget is not None:
        budget.spend(steps)


def _size(value: Any) -> int:
    return len(value) // _CHARACTERS if type(value) is str else 0
