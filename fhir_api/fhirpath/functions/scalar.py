"""Functions of one System value: empty in, empty out, and an error for a value of another type."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple

from fhir_api.fhirpath import model
from fhir_api.fhirpath.errors import FhirPathEvaluationError, FhirPathSemanticError, Position
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.plan import One, Plan, Scope, single, system
from fhir_api.fhirpath.quantity import Quantity
from fhir_api.fhirpath.temporal import Date, DateTime, Temporal, Time
from fhir_api.fhirpath.values import Long, kind_name


class Kind(NamedTuple):
    """What a function takes.

    Attributes:
        name: for errors.
        classes: Python classes of the System values; none is any.
        types: System types, and the FHIR types that become them.
    """

    name: str
    classes: frozenset[type]
    types: frozenset[str]


_TEXTS: Final = frozenset({"string", "code", "id", "markdown", "uri", "url", "uuid", "oid", "canonical", "xhtml"})
_TIMES: Final = frozenset({"date", "dateTime", "instant", "time", "System.Date", "System.DateTime", "System.Time"})
_TIME_CLASSES: Final = frozenset({Date, DateTime, Time})
_QUANTITIES: Final = frozenset({"System.Quantity", "Quantity", "Age", "Count", "Distance", "Duration", "MoneyQuantity"})

STRING: Final = Kind("String", frozenset({str}), _TEXTS | _TIMES | {"System.String", "base64Binary"})
INTEGER: Final = Kind(
    "Integer",
    frozenset({int, Long}),
    frozenset({"System.Integer", "System.Long", "integer", "positiveInt", "unsignedInt"}),
)
DECIMAL: Final = Kind("Decimal", INTEGER.classes | {Decimal}, INTEGER.types | {"System.Decimal", "decimal"})
NUMERIC: Final = Kind("number or Quantity", DECIMAL.classes | {Quantity}, DECIMAL.types | _QUANTITIES)
TEMPORAL: Final = Kind("Date, DateTime or Time", _TIME_CLASSES, _TIMES)
BOUNDED: Final = Kind("number, Quantity or time", NUMERIC.classes | _TIME_CLASSES, NUMERIC.types | _TIMES)
ANY: Final = Kind("value", frozenset(), frozenset())


def scalar(
    name: str, takes: Kind, gives: tuple[str, ...] | None, *parameters: Kind, optional: int = 0
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make ``f(value, *arguments)`` known as a function; the last *optional* arguments may be left out.

    An empty argument makes the result empty.
    """

    def register(evaluate: Callable[..., Any]) -> Callable[..., Any]:
        @function(name, len(parameters) - optional, len(parameters))
        def build(call: Call) -> Plan:
            value = checked(call, call.input, takes)
            plans = [call.argument(index) for index in range(len(call.arguments))]
            arguments = [checked(call, plan, kind) for plan, kind in zip(plans, parameters, strict=False)]
            if all(plan.literals and plan.is_single for plan in plans):
                return single(_applied_to_literals(evaluate, value, arguments, call.position), gives)
            return single(_applied(evaluate, value, arguments, call.position), gives)

        return evaluate

    return register


def checked(call: Call, plan: Plan, kind: Kind) -> One:
    """Return the closure of one System value that has to be of *kind*.

    Raises:
        FhirPathSemanticError: strict, and no result of *plan* can be of that kind.
    """
    if call.frame.is_strict and kind.classes and plan.types and not any(_fits(name, kind) for name in plan.types):
        found = plan.types[0].removeprefix("System.")
        raise FhirPathSemanticError(f"{call.name}() expected a {kind.name}, found {found}", call.position)
    one = system(plan).one
    return one if not kind.classes else _of_kind(one, kind, call)


def _fits(type_name: str, kind: Kind) -> bool:
    return type_name in kind.types or (not type_name.startswith("System.") and model.is_abstract(type_name))


def _of_kind(one: One, kind: Kind, call: Call) -> One:
    classes, name, position = kind.classes, call.name, call.position

    def value_of_kind(this: Any, scope: Scope) -> Any:
        value = one(this, scope)
        if value is None or type(value) in classes:
            return value
        if kind is STRING and isinstance(value, Temporal):
            return str(value)
        raise FhirPathEvaluationError(f"{name}() expected a {kind.name}, found {kind_name(value)}", position)

    return value_of_kind


def _applied(evaluate: Callable[..., Any], value: One, arguments: list[One], position: Position) -> One:
    def one(this: Any, scope: Scope) -> Any:
        subject = value(this, scope)
        if subject is None:
            return None
        given = [argument(this, scope) for argument in arguments]
        return None if None in given else evaluate(subject, *given)

    return located(one, position)


def _applied_to_literals(evaluate: Callable[..., Any], value: One, arguments: list[One], position: Position) -> One:
    literals: list[Any] = []

    def one(this: Any, scope: Scope) -> Any:
        subject = value(this, scope)
        if subject is None:
            return None
        if len(literals) < len(arguments):
            # read when first needed, so that a literal of a wrong type is an error of the evaluation
            literals[:] = [argument(this, scope) for argument in arguments]
        return evaluate(subject, *literals)

    return located(one, position)


def located(one: One, position: Position) -> One:
    """Return *one* with errors that know their place."""

    def evaluate(this: Any, scope: Scope) -> Any:
        try:
            return one(this, scope)
        except FhirPathEvaluationError as error:
            if error.position is None:
                raise FhirPathEvaluationError(error.problem, position) from error
            raise

    return evaluate
