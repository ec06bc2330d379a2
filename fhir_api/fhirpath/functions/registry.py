"""How a function is made known, and what its builder gets to work with.

A builder runs once, when an expression is compiled, and gives the plan of the call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from fhir_api.fhirpath import ast
from fhir_api.fhirpath.errors import FhirPathSemanticError, Position
from fhir_api.fhirpath.plan import Plan, Scope, collection


class Frame(NamedTuple):
    """Where an expression stands.

    Attributes:
        this: the plan of ``$this``.
        is_strict: unknown elements and types that cannot fit are errors.
        checks_order: functions that need an order are refused on collections without one.
        defines_variables: the whole expression calls ``defineVariable``, so scopes have to be kept apart.
        root_type: the type of ``%context``; None where it is known only at run time.
        is_repeated: the expression is evaluated once for each item of a collection.
        is_bounded: each part counts on the budget of the environment.
    """

    this: Plan
    is_strict: bool
    checks_order: bool
    defines_variables: bool
    root_type: str | None
    is_repeated: bool = False
    is_bounded: bool = False


def this_item(types: tuple[str, ...] | None, *, is_boxed: bool) -> Plan:
    """Return the plan of a ``$this`` that is one item of such types."""
    return Plan(
        lambda this, _scope: [] if this is None else [this],
        lambda this, _scope: this,
        types,
        is_boxed,
        is_single=True,
    )


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation of a function.

    Attributes:
        name: of the function.
        position: of its name.
        input: the plan of what stands before the dot.
        arguments: the expressions in the parentheses.
        frame: where the invocation stands.
        compile: makes the plan of an expression in a frame.
    """

    name: str
    position: Position
    input: Plan
    arguments: tuple[ast.Expression, ...]
    frame: Frame
    compile: Callable[[ast.Expression, Frame], Plan]

    def argument(self, index: int) -> Plan:
        """Return the plan of an argument that is evaluated where the invocation stands."""
        return self._kept_apart(self.compile(self.arguments[index], self.frame))

    def body(self, index: int) -> Plan:
        """Return the plan of an argument that is evaluated for each item of the input, as ``$this``."""
        return self.body_on(index, self.input)

    def body_on(self, index: int, items: Plan) -> Plan:
        """Return the plan of an argument that is evaluated for each item of *items*, as ``$this``."""
        this = this_item(items.types, is_boxed=items.is_boxed)
        return self._kept_apart(self.compile(self.arguments[index], self.frame._replace(this=this, is_repeated=True)))

    def uses_index(self, index: int) -> bool:
        """Tell whether an argument mentions ``$index``."""
        return any(type(node) is ast.IndexInvocation for node in ast.walk(self.arguments[index]))

    def refuse(self, problem: str) -> FhirPathSemanticError:
        """Return the error of this invocation."""
        return FhirPathSemanticError(f"{self.name}(): {problem}", self.position)

    def needs_order(self) -> None:
        """Check that the input has an order, where that is asked for.

        Raises:
            FhirPathSemanticError: it has none.
        """
        if self.frame.checks_order and not self.input.is_ordered:
            raise self.refuse("expected a collection with an order, found one without")

    def all_items(self) -> Plan:
        """Return the plan of ``$this`` for an argument that is evaluated once, on the whole input."""
        this = collection(
            lambda this, _scope: list(this), self.input.types, self.position, is_boxed=self.input.is_boxed
        )
        return replace(this, is_single=self.input.is_single)

    def body_on_all(self, index: int) -> Plan:
        """Return the plan of an argument that is evaluated once; its ``this`` is the list of all items."""
        return self.compile(self.arguments[index], self.frame._replace(this=self.all_items()))

    def _kept_apart(self, plan: Plan) -> Plan:
        return kept_apart(plan) if self.frame.defines_variables else plan


def kept_apart(plan: Plan) -> Plan:
    """Return *plan* with its variables unseen outside."""
    many, one = plan.many, plan.one

    def forked_many(this: Any, scope: Scope) -> list[Any]:
        return many(this, scope.fork())

    def forked_one(this: Any, scope: Scope) -> Any:
        return one(this, scope.fork())

    return replace(plan, many=forked_many, one=forked_one)


Builder = Callable[[Call], Plan]


class Function(NamedTuple):
    """A function.

    Attributes:
        least: how many arguments it needs.
        most: how many it takes.
        build: makes the plan of a call.
        asks_environment: its results depend on more than its input and arguments.
    """

    least: int
    most: int
    build: Builder
    asks_environment: bool


FUNCTIONS: Final[dict[str, Function]] = {}
"""Every function by its name."""


def function(
    name: str, least: int = 0, most: int | None = None, *, asks_environment: bool = False
) -> Callable[[Builder], Builder]:
    """Make a builder known as function *name* with *least* to *most* arguments."""

    def register(build: Builder) -> Builder:
        FUNCTIONS[name] = Function(least, least if most is None else most, build, asks_environment)
        return build

    return register


def asks_environment(expression: ast.Expression) -> bool:
    """Tell whether the results depend on more than the input: on external constants, the clock, a service."""
    for node in ast.walk(expression):
        if type(node) is ast.ExternalConstant:
            return True
        if type(node) is ast.FunctionInvocation and node.name in FUNCTIONS and FUNCTIONS[node.name].asks_environment:
            return True
    return False


def asks_resource(expression: ast.Expression) -> bool:
    """Tell whether the results depend on the resource around the input, or on what its references lead to."""
    return any(
        (type(node) is ast.ExternalConstant and node.name in ("resource", "rootResource"))
        or (type(node) is ast.FunctionInvocation and node.name == "resolve")
        for node in ast.walk(expression)
    )


def defines_variables(expression: ast.Expression) -> bool:
    """Tell whether the expression calls ``defineVariable``."""
    return any(type(node) is ast.FunctionInvocation and node.name == "defineVariable" for node in ast.walk(expression))
