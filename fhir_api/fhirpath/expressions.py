"""Expressions ready to be evaluated: compiled once for each type of input, and kept.

Spec: https://hl7.org/fhirpath/N1/, https://hl7.org/fhir/R4/fhirpath.html
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fhir_api.fhirpath.ast import BooleanLiteral, Expression, NullLiteral
from fhir_api.fhirpath.budget import Budget
from fhir_api.fhirpath.compiler import compile_expression
from fhir_api.fhirpath.errors import FhirPathEvaluationError, FhirPathSyntaxError, Position
from fhir_api.fhirpath.folding import folded, mentioned
from fhir_api.fhirpath.functions.registry import asks_environment, asks_resource
from fhir_api.fhirpath.parser import parse
from fhir_api.fhirpath.plan import Environment, Many, One, Plan, Scope, boolean, boxed
from fhir_api.fhirpath.values import Item

_NOTHING: Final = Environment()
_NO_SCOPE: Final = Scope(_NOTHING, None, None, None)
"""For expressions that ask for nothing but their input."""
_CACHED: Final = 8192
_CONSTANTS: Final = frozenset({NullLiteral, BooleanLiteral})


class _Evaluator(NamedTuple):
    """The closures of an expression for one type of input, in the three forms a caller may ask for."""

    plan: Plan
    many: Many
    items: Many
    boolean: One


class Compiled:
    """An expression that can be evaluated on JSON trees.

    Attributes:
        text: the expression.
        type_name: the FHIR type of the inputs; None where each resource says what it is.
    """

    __slots__ = ("_asks_environment", "_evaluators", "_expression", "_options", "text", "type_name")

    def __init__(
        self,
        text: str,
        expression: Expression,
        type_name: str | None,
        *,
        is_strict: bool,
        checks_order: bool,
        is_bounded: bool,
    ) -> None:
        self.text = text
        self.type_name = type_name
        self._expression = expression
        self._asks_environment = is_bounded or asks_environment(self._expression)
        self._options = {"is_strict": is_strict, "checks_order": checks_order, "is_bounded": is_bounded}
        self._evaluators: dict[str | None, _Evaluator] = {}
        self._evaluators[type_name] = self._evaluator(type_name)

    @property
    def result_types(self) -> tuple[str, ...] | None:
        """The types a result may have (``string``, ``System.Boolean``); None where only an evaluation tells."""
        return self._evaluators[self.type_name].plan.types

    @property
    def is_constant(self) -> bool:
        """Whether the result is the same for every input: an empty collection, true or false."""
        return type(self._expression) in _CONSTANTS

    @property
    def asks_resource(self) -> bool:
        """Whether the results depend on the resource around the input: ``%resource``, ``resolve()`` and the like."""
        return asks_resource(self._expression)

    def mentioned(self) -> frozenset[str]:
        """Return the JSON properties of the input that :meth:`given` looks for; *type_name* has to be known."""
        return mentioned(self._expression, self.type_name or "")

    def given(self, present: Collection[str]) -> Compiled:
        """Return what is left of the expression for inputs that have just these JSON properties.

        The inputs have to be sound in structure; ``trace()`` is left out; *type_name* has to be known.
        """
        left = folded(self._expression, self.type_name or "", present)
        return self if left == self._expression else Compiled(self.text, left, self.type_name, **self._options)

    def __call__(self, element: Any, environment: Environment = _NOTHING) -> list[Any]:
        """Return the results as plain values.

        An element is its JSON; a primitive that has only extensions is left out. A computed value is a bool, int,
        Decimal, str, Date, DateTime, Time, Quantity or TypeInfo.

        Raises:
            FhirPathEvaluationError: the expression is not defined for what was met.
        """
        try:
            found = self._for(element).many(element, self._scope(element, environment))
        except _FAILURES as failure:
            raise _evaluation_error(failure) from failure
        return [value for item in found if (value := item.value if type(item) is Item else item) is not None]

    def items(self, element: Any, environment: Environment = _NOTHING) -> list[Any]:
        """Return the results with their types.

        An element is an :class:`Item` (a contained or resolved resource its JSON), a computed value as in a call.

        Raises:
            FhirPathEvaluationError: the expression is not defined for what was met.
        """
        try:
            return list(self._for(element).items(element, self._scope(element, environment)))
        except _FAILURES as failure:
            raise _evaluation_error(failure) from failure

    def boolean(self, element: Any, environment: Environment = _NOTHING) -> bool | None:
        """Return the result as a Boolean, None where it is empty: what an invariant asks.

        Raises:
            FhirPathEvaluationError: the expression is not defined for what was met, or gave several results.
        """
        try:
            result: bool | None = self._for(element).boolean(element, self._scope(element, environment))
        except _FAILURES as failure:
            raise _evaluation_error(failure) from failure
        return result

    def _for(self, element: Any) -> _Evaluator:
        type_name = self.type_name
        if type_name is None and type(element) is dict:
            type_name = element.get("resourceType")
        evaluator = self._evaluators.get(type_name)
        if evaluator is None:
            evaluator = self._evaluators[type_name] = self._evaluator(type_name)
        return evaluator

    def _scope(self, element: Any, environment: Environment) -> Scope:
        if not self._asks_environment:
            return _NO_SCOPE
        if environment.budget is None and self._options["is_bounded"]:
            environment = replace(environment, budget=Budget())
        resource = element if environment.resource is None else environment.resource
        root = resource if environment.root_resource is None else environment.root_resource
        return Scope(environment, element, resource, root)

    def _evaluator(self, type_name: str | None) -> _Evaluator:
        try:
            plan = compile_expression(self._expression, type_name, **self._options)
        except RecursionError:
            expected = "an expression of a few hundred steps"
            raise FhirPathSyntaxError("a longer one", expected, Position(0, 1, 1)) from None
        return _Evaluator(plan, plan.many, boxed(plan).many, boolean(plan))


_FAILURES: Final = (AttributeError, TypeError, ValueError, LookupError, ArithmeticError, RecursionError)
"""What closures meet in JSON that has not the structure of its type."""


def _evaluation_error(failure: Exception) -> FhirPathEvaluationError:
    if isinstance(failure, RecursionError):
        return FhirPathEvaluationError("The expression nests too deep")
    return FhirPathEvaluationError("The input has not the structure of its type")


@lru_cache(maxsize=_CACHED)
def compile(  # noqa: A001 - the verb of every engine of this language; callers write fhirpath.compile
    text: str,
    *,
    type_name: str | None = None,
    is_strict: bool = False,
    checks_order: bool = False,
    is_bounded: bool = False,
) -> Compiled:
    """Return an expression ready to be evaluated; the same text gives the same object.

    Args:
        text: the expression.
        type_name: FHIR type of the inputs, such as ``HumanName``; only resources can do without.
        is_strict: an element that the input's type does not have is an error, as is ``as`` on several items.
        checks_order: ``first() skip() []`` and the like are errors on collections without a defined order.
        is_bounded: evaluations end with an error where they take too much work (:mod:`fhir_api.fhirpath.budget`): for
            expressions that clients wrote.

    Raises:
        FhirPathSyntaxError: *text* is no expression.
        FhirPathSemanticError: a function, type or (strict) element does not exist, or takes other arguments.
    """
    return Compiled(text, parse(text), type_name, is_strict=is_strict, checks_order=checks_order, is_bounded=is_bounded)
