"""What a query gives back: objects that gather values under names, one or many.

Spec: https://hl7.org/fhir/R4/graphql.html#flatten
"""

from __future__ import annotations

from typing import Any

from graphql.language import FieldNode

from fhir_api.operations.graphql.budget import Budget
from fhir_api.operations.graphql.errors import QueryError


class Output:
    """One object of the answer.

    Attributes:
        members: its content so far; a list where there are several values, or may be.
    """

    __slots__ = ("_budget", "members")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.members: dict[str, Any] = {}

    def add(self, name: str, value: Any, *, is_list: bool) -> None:
        """Add a value; a second one under the same name makes a list of them."""
        self._budget.spend()
        there = self.members.get(name)
        if there is None:
            self.members[name] = [value] if is_list else value
        elif type(there) is list:
            there.append(value)
        else:
            self.members[name] = [there, value]

    def add_single(self, name: str, value: Any, node: FieldNode) -> None:
        """Add the only value of a name.

        Raises:
            QueryError: there is one already.
        """
        self._budget.spend()
        if name in self.members:
            raise QueryError(f"'{node.name.value}' has several values, which @singleton does not allow", node)
        self.members[name] = value

    def child(self) -> Output:
        """Return an object that counts on the same budget."""
        return Output(self._budget)
