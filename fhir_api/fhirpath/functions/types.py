"""Types: ``is as ofType type`` and the operators ``is`` and ``as``.

Spec: https://hl7.org/fhirpath/N1/#types
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fhir_api.fhirpath import ast, model
from fhir_api.fhirpath.errors import FhirPathEvaluationError, Position
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.model import TypeMatch
from fhir_api.fhirpath.navigation import property_of
from fhir_api.fhirpath.plan import BOOLEAN, EMPTY, Plan, Scope, boxed, collection, of_types, single
from fhir_api.fhirpath.values import type_info, type_of

_TYPE_INFO: Final = ("System.TypeInfo",)


@function("is", 1)
def is_(call: Call) -> Plan:
    """True where the item is of the type or derives from it."""
    return type_test(call.input, _specifier(call))


@function("as", 1)
def as_(call: Call) -> Plan:
    """The item, where it is of the type."""
    return type_cast(call.input, _specifier(call), is_strict=call.frame.is_strict)


@function("ofType", 1)
def of_type(call: Call) -> Plan:
    """The items that are of the type."""
    return _selected(call.input, _specifier(call))


@function("type")
def type_(call: Call) -> Plan:
    """The namespace and name of each item's type."""
    many = boxed(call.input).many
    plan = collection(lambda this, scope: [type_info(item) for item in many(this, scope)], _TYPE_INFO, call.position)
    return replace(plan, is_single=call.input.is_single)


def type_test(operand: Plan, specifier: ast.TypeSpecifier) -> Plan:
    """Return the plan of ``operand is type``."""
    match = model.resolve_type(specifier)
    one = operand.one
    name = operand.raw_type
    if name is not None:
        answer = model.is_type(name, match)
        return single(lambda this, scope: None if one(this, scope) is None else answer, BOOLEAN)

    def holds(this: Any, scope: Scope) -> bool | None:
        item = one(this, scope)
        return None if item is None else model.is_type(type_of(item), match)

    return single(holds, BOOLEAN)


def type_cast(operand: Plan, specifier: ast.TypeSpecifier, *, is_strict: bool) -> Plan:
    """Return the plan of ``operand as type``.

    The definitions of R4 use ``as`` on collections too, so only a strict evaluation refuses several items.
    """
    plan = _selected(operand, specifier)
    return _refusing_several(operand, plan, specifier.position) if is_strict and not operand.is_single else plan


def select_type(operand: Plan, type_name: str, position: Position) -> Plan:
    """Return the plan of the items that are of a FHIR type or derive from it."""
    return _filtered(operand, TypeMatch(type_name, None), position)


def _refusing_several(operand: Plan, plan: Plan, position: Position) -> Plan:
    items, selected = operand.many, plan.one

    def one(this: Any, scope: Scope) -> Any:
        count = len(items(this, scope))
        if count > 1:
            raise FhirPathEvaluationError(f"'as' expected one item, found {count}", position)
        return selected(this, scope)

    return single(one, plan.types, is_boxed=plan.is_boxed)


def _selected(operand: Plan, specifier: ast.TypeSpecifier) -> Plan:
    match = model.resolve_type(specifier)
    name = operand.raw_type
    if name is not None:
        return operand if model.is_selected(name, match) else _typed(EMPTY, match)
    if operand.choice is not None:
        parent, choice = operand.choice
        fitting = [option for option in choice.members if model.is_selected(option.type, match)]
        if not fitting:
            return _typed(EMPTY, match)
        if len(fitting) == 1:
            return property_of(parent, fitting[0], specifier.position)
    return _filtered(operand, match, specifier.position)


def _filtered(operand: Plan, match: TypeMatch, position: Position) -> Plan:
    many = operand.many
    if match.fhir is not None and match.system is None and _is_exact(match.fhir):
        return _unboxed(operand, match.fhir, position)
    plan = collection(lambda this, scope: of_types(many(this, scope), match), operand.types, position)
    return replace(plan, is_single=operand.is_single, is_ordered=operand.is_ordered)


def _unboxed(operand: Plan, type_name: str, position: Position) -> Plan:
    """Return the plan of the items of one type, as plain JSON: paths from here on are direct look-ups."""
    many = operand.many
    is_primitive = model.is_primitive(type_name)

    def selected(this: Any, scope: Scope) -> list[Any]:
        items = [item for item in many(this, scope) if type_of(item) == type_name]
        return items if is_primitive else [item if type(item) is dict else item.value for item in items]

    plan = collection(selected, (type_name,), position, is_boxed=False)
    return replace(plan, is_single=operand.is_single, is_ordered=operand.is_ordered)


def _is_exact(type_name: str) -> bool:
    """Tell whether what is selected has just this type."""
    return model.is_primitive(type_name) or not model.has_subtypes(type_name)


def _typed(plan: Plan, match: TypeMatch) -> Plan:
    return replace(plan, types=(match.fhir,), is_boxed=False) if match.fhir is not None else plan


def _specifier(call: Call) -> ast.TypeSpecifier:
    """Return the type that an argument names: ``is(Patient)``, ``is(FHIR.Patient)``."""
    argument = call.arguments[0]
    if isinstance(argument, ast.MemberInvocation):
        return ast.TypeSpecifier(argument.position, None, argument.name)
    if (
        isinstance(argument, ast.InvocationExpression)
        and isinstance(argument.expression, ast.MemberInvocation)
        and isinstance(argument.invocation, ast.MemberInvocation)
    ):
        return ast.TypeSpecifier(argument.expression.position, argument.expression.name, argument.invocation.name)
    raise call.refuse("expected a type")
