"""Expressions ready to be evaluated: compiled once for each type of input, and kept.

Spec: https://hl7.org/fhirpath/N1/, https://hl7.org/fhir/R4/fhirpath.html
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from fhir_api.fhirpath.compiler import compile_expression
from fhir_api.fhirpath.errors import FhirPathError, FhirPathEvaluationError, FhirPathSyntaxError, Position
from fhir_api.fhirpath.parser import parse
from fhir_api.fhirpath.plan import One, Plan, Environment, Many, Scope, boolean, boxed
from fhir_api.fhirpath.values import Item

_NOTHING: Final = Environment()
_CACHED: Final = 8192


class Compiled:
    """An expression that can be evaluated on JSON trees.

    Attributes:
        text: the expression.
        type_name: the FHIR type of the inputs; None where each resource says what it is.
    """

    __slots__ = ("_evaluators", "_options", "text", "type_name")

    def __init__(self, text: str, type_name: str | None, *, is_strict: bool, checks_order: bool) -> None:
        self.text = text
        self.type_name = type_name
        self._options = {"is_strict": is_strict, "checks_order": checks_order}
        self._evaluators: dict[str | None, _Evaluator] = {}
        self._evaluator(type_name)

    @property
    def result_types(self) -> tuple[str, ...] | None:
        """The types a result may have (``string``, ``System.Boolean``); None where only an evaluation tells."""
        return self._evaluator(self.type_name).plan.types

    def __call__(self, element: Any, environment: Environment = _NOTHING) -> list[Any]:
        """Return the results as plain values.

        An element is its JSON; a primitive that has only extensions is left out. A computed value is a bool, int,
        Decimal, str, Date, DateTime, Time, Quantity or TypeInfo.

        Raises:
            FhirPathEvaluationError: the expression is not defined for what was met.
        """
        found = self._run(element, environment, "many")
        return [value for item in found if (value := item.value if type(item) is Item else item) is not None]

    def items(self, element: Any, environment: Environment = _NOTHING) -> list[Any]:
        """Return the results with their types.

        An element is an :class:`Item` (a contained or resolved resource its JSON), a computed value as in a call.

        Raises:
            FhirPathEvaluationError: the expression is not defined for what was met.
        """
        return list(self._run(element, environment, "items"))

    def boolean(self, element: Any, environment: Environment = _NOTHING) -> bool | None:
        """Return the result as a Boolean, None where it is empty: what an invariant asks.

        Raises:
            FhirPathEvaluationError: the expression is not defined for what was met, or gave several results.
        """
        result: bool | None = self._run(element, environment, "boolean")
        return result

    def _run(self, element: Any, environment: Environment, form: str) -> Any:
        type_name = self.type_name
        if type_name is None and type(element) is dict:
            type_name = element.get("resourceType")
        run = getattr(self._evaluators.get(type_name) or self._evaluator(type_name), form)
        resource = element if environment.resource is None else environment.resource
        root = resource if environment.root_resource is None else environment.root_resource
        try:
            return run(element, Scope(environment, element, resource, root))
        except FhirPathError:
            raise
        except RecursionError:
            raise FhirPathEvaluationError("The expression nests too deep") from None
        except (AttributeError, TypeError, ValueError, ArithmeticError) as error:
            raise FhirPathEvaluationError(f"The input has not the structure of {type_name or 'a resource'}") from error

    def _evaluator(self, type_name: str | None) -> _Evaluator:
        evaluator = self._evaluators.get(type_name)
        if evaluator is None:
            evaluator = _Evaluator(_plan(self.text, type_name, **self._options))
            self._evaluators[type_name] = evaluator
        return evaluator


class _Evaluator:
    """The closures of an expression for one type of input, in the three forms a caller may ask for."""

    __slots__ = ("boolean", "items", "many", "plan")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.many: Many = plan.many
        self.items: Many = boxed(plan).many
        self.boolean: One = boolean(plan)


def _plan(text: str, type_name: str | None, *, is_strict: bool, checks_order: bool) -> Plan:
    try:
        return compile_expression(parse(text), type_name, is_strict=is_strict, checks_order=checks_order)
    except RecursionError:
        raise FhirPathSyntaxError("a longer one", "an expression of a few hundred steps", Position(0, 1, 1)) from None


@lru_cache(maxsize=_CACHED)
def compile(  # noqa: A001 - the verb of every engine of this language; callers write fhirpath.compile
    text: str, *, type_name: str | None = None, is_strict: bool = False, checks_order: bool = False
) -> Compiled:
    """Return an expression ready to be evaluated; the same text gives the same object.

    Args:
        text: the expression.
        type_name: FHIR type of the inputs, such as ``Patient`` or ``HumanName``; needed for inputs that are no resources.
        is_strict: an element that the input's type does not have is an error, as is ``as`` on several items.
        checks_order: ``first() skip() []`` and the like are errors on collections without a defined order.

    Raises:
        FhirPathSyntaxError: *text* is no expression.
        FhirPathSemanticError: a function, type or (strict) element does not exist, or takes other arguments.
    """
    return Compiled(text, type_name, is_strict=is_strict, checks_order=checks_order)
