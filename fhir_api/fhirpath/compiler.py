"""From the tree of an expression to closures.

Types are followed along paths while compiling, so ``Patient.name.given`` becomes look-ups in dictionaries; only what
is not known beforehand (choices, contained resources, ``descendants()``) asks each item for its type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fhir_api.fhirpath import ast, model, navigation, operators
from fhir_api.fhirpath.budget import bounded
from fhir_api.fhirpath.errors import FhirPathSemanticError
from fhir_api.fhirpath.functions import FUNCTIONS
from fhir_api.fhirpath.functions.registry import (
    Call,
    Frame,
    defines_variables,
    kept_apart,
    this_item,
)
from fhir_api.fhirpath.functions.subsetting import indexer
from fhir_api.fhirpath.functions.types import select_type, type_cast, type_test
from fhir_api.fhirpath.plan import EMPTY, INTEGER, Plan, collection, constant, single
from fhir_api.fhirpath.quantity import Quantity
from fhir_api.fhirpath.sharing import evaluated_once, shared_text
from fhir_api.fhirpath.temporal import parse_date, parse_date_time, parse_time
from fhir_api.fhirpath.values import SYSTEM_TYPES, Long
from fhir_api.fhirpath.variables import external_constant


def compile_expression(
    expression: ast.Expression,
    type_name: str | None,
    *,
    is_strict: bool = False,
    checks_order: bool = False,
    is_bounded: bool = False,
) -> Plan:
    """Return the plan of *expression* over an input of a FHIR type; None where that is known only at run time.

    Raises:
        FhirPathSemanticError: a function, type or (strict) element that does not exist, or a wrong number of arguments.
    """
    is_boxed = type_name is None or model.is_abstract(type_name)
    this = this_item(None if is_boxed else (str(type_name),), is_boxed=is_boxed)
    frame = Frame(this, is_strict, checks_order, defines_variables(expression), type_name, is_bounded=is_bounded)
    return _compile(expression, frame)


def _compile(node: ast.Expression, frame: Frame) -> Plan:
    plan = _COMPILERS[type(node)](node, frame)
    if frame.is_bounded:
        plan = bounded(plan)
    if frame.is_repeated and type(node) in _SHARABLE:
        text = shared_text(node)
        return plan if text is None else evaluated_once(plan, text)
    return plan


_SHARABLE: Final = frozenset({ast.InvocationExpression, ast.BinaryExpression})


def _literal(node: Any, frame: Frame) -> Plan:
    return constant((node.value,), (SYSTEM_TYPES[type(node.value)],))


def _long(node: ast.LongLiteral, frame: Frame) -> Plan:
    return constant((Long(node.value),), ("System.Long",))


def _temporal(parse: Callable[[str], Any], kind: str) -> Callable[[Any, Frame], Plan]:
    def literal(node: ast.DateLiteral | ast.DateTimeLiteral | ast.TimeLiteral, frame: Frame) -> Plan:
        value = parse(node.text)
        if value is None:
            raise FhirPathSemanticError(f"There is no {kind} '{node.text}'", node.position)
        return constant((value,), (f"System.{kind}",))

    return literal


def _quantity(node: ast.QuantityLiteral, frame: Frame) -> Plan:
    return constant((Quantity(node.value, node.unit, node.is_calendar),), ("System.Quantity",))


def _this(node: ast.ThisInvocation, frame: Frame) -> Plan:
    return frame.this


def _index(node: ast.IndexInvocation, frame: Frame) -> Plan:
    return single(lambda _this, scope: scope.index, INTEGER)


def _total(node: ast.TotalInvocation, frame: Frame) -> Plan:
    return collection(lambda _this, scope: scope.total, None, node.position)


def _member(node: ast.MemberInvocation, frame: Frame) -> Plan:
    """Return the plan of a name at the start of a path: the type of ``$this``, or an element of it."""
    this, name = frame.this, node.name
    if not model.is_resource(name) and not (this.types == (name,) and model.has_type(name)):
        return navigation.member(this, name, node.position, is_strict=frame.is_strict)
    if this.types is None:
        return select_type(this, name, node.position)
    if any(model.is_subtype(kind, name) for kind in this.types):
        return this
    if frame.is_strict:
        raise FhirPathSemanticError(f"Expected {' or '.join(this.types)}, found '{name}'", node.position)
    return EMPTY


def _function(node: ast.FunctionInvocation, frame: Frame) -> Plan:
    return _invoked(frame.this, node, frame)


def _invoked(source: Plan, node: ast.FunctionInvocation, frame: Frame) -> Plan:
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise FhirPathSemanticError(f"There is no function '{node.name}()'", node.position)
    if not function.least <= len(node.arguments) <= function.most:
        expected = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
        problem = f"{node.name}() expected {expected} arguments, found {len(node.arguments)}"
        raise FhirPathSemanticError(problem, node.position)
    return function.build(Call(node.name, node.position, source, node.arguments, frame, _compile))


def _invocation(node: ast.InvocationExpression, frame: Frame) -> Plan:
    source = _compile(node.expression, frame)
    invocation = node.invocation
    if isinstance(invocation, ast.MemberInvocation):
        return navigation.member(source, invocation.name, invocation.position, is_strict=frame.is_strict)
    if isinstance(invocation, ast.FunctionInvocation):
        return _invoked(source, invocation, frame)
    raise FhirPathSemanticError("Expected an element or a function after '.'", invocation.position)


def _indexer(node: ast.IndexerExpression, frame: Frame) -> Plan:
    source = _compile(node.expression, frame)
    if frame.checks_order and not source.is_ordered:
        raise FhirPathSemanticError("[] expected a collection with an order, found one without", node.position)
    return indexer(source, _compile(node.index, frame), node.position)


def _polarity(node: ast.PolarityExpression, frame: Frame) -> Plan:
    return operators.polarity(node.operator, _compile(node.operand, frame), node.position)


def _binary(node: ast.BinaryExpression, frame: Frame) -> Plan:
    return operators.binary(node.operator, _operand(node.left, frame), _operand(node.right, frame), node.position)


def _operand(node: ast.Expression, frame: Frame) -> Plan:
    plan = _compile(node, frame)
    return kept_apart(plan) if frame.defines_variables else plan


def _type(node: ast.TypeExpression, frame: Frame) -> Plan:
    operand = _compile(node.operand, frame)
    if node.operator == "is":
        return type_test(operand, node.type_specifier)
    return type_cast(operand, node.type_specifier, is_strict=frame.is_strict)


def _external(node: ast.ExternalConstant, frame: Frame) -> Plan:
    return external_constant(node.name, node.position, frame.root_type)


def _sort_argument(node: ast.SortArgument, frame: Frame) -> Plan:
    raise FhirPathSemanticError("Expected 'asc' and 'desc' only in sort()", node.position)


def _null(node: ast.NullLiteral, frame: Frame) -> Plan:
    return EMPTY


_COMPILERS: Final[Mapping[type, Callable[[Any, Frame], Plan]]] = {
    ast.NullLiteral: _null,
    ast.BooleanLiteral: _literal,
    ast.StringLiteral: _literal,
    ast.NumberLiteral: _literal,
    ast.LongLiteral: _long,
    ast.DateLiteral: _temporal(parse_date, "Date"),
    ast.DateTimeLiteral: _temporal(parse_date_time, "DateTime"),
    ast.TimeLiteral: _temporal(parse_time, "Time"),
    ast.QuantityLiteral: _quantity,
    ast.ExternalConstant: _external,
    ast.ThisInvocation: _this,
    ast.IndexInvocation: _index,
    ast.TotalInvocation: _total,
    ast.MemberInvocation: _member,
    ast.FunctionInvocation: _function,
    ast.InvocationExpression: _invocation,
    ast.IndexerExpression: _indexer,
    ast.PolarityExpression: _polarity,
    ast.BinaryExpression: _binary,
    ast.TypeExpression: _type,
    ast.SortArgument: _sort_argument,
}
