"""Parts of an expression that are the same for every item: evaluated once, though they stand inside ``where()``.

The invariants of FHIR ask ``%resource.descendants()`` again and again for each contained resource.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from fhir_api.fhirpath import ast
from fhir_api.fhirpath.equality import Distinct
from fhir_api.fhirpath.plan import Plan, Scope

_SHARED: Final = frozenset({"resource", "rootResource", "context"})
_PLAIN: Final = frozenset({"children", "descendants", "distinct", "first", "last", "tail"})
_WITH_TYPE: Final = frozenset({"as", "ofType"})


def shared_text(expression: ast.Expression) -> str | None:
    """Return an expression as text where its results depend on ``%resource`` or the like alone, else None."""
    match expression:
        case ast.ExternalConstant(name=name) if name in _SHARED:
            return f"%{name}"
        case ast.InvocationExpression(expression=source, invocation=invocation):
            path, step = shared_text(source), _step(invocation)
            return None if path is None or step is None else f"{path}.{step}"
        case ast.BinaryExpression(operator="|", left=left, right=right):
            one, other = shared_text(left), shared_text(right)
            return None if one is None or other is None else f"({one}|{other})"
        case _:
            return None


def _step(invocation: ast.Invocation) -> str | None:
    match invocation:
        case ast.MemberInvocation(name=name):
            return f"`{name}`"
        case ast.FunctionInvocation(name=name, arguments=()) if name in _PLAIN:
            return f"{name}()"
        case ast.FunctionInvocation(name=name, arguments=(ast.MemberInvocation(name=kind),)) if name in _WITH_TYPE:
            return f"{name}(`{kind}`)"
        case _:
            return None


def evaluated_once(plan: Plan, text: str) -> Plan:
    """Return *plan*, the one of *text*, with its results remembered for the rest of an evaluation."""
    if plan.is_single:
        return plan
    many = plan.many

    def once(this: Any, scope: Scope) -> list[Any]:
        found: list[Any] | None = scope.memo.get(text)
        if found is None:
            found = scope.memo[text] = many(this, scope)
        return found

    return replace(plan, many=once, shared=text)


def distinct_items(plan: Plan) -> Callable[[Any, Scope], Distinct]:
    """Return what gives the set of a plan's results, made once for an evaluation where they stay the same."""
    many, shared = plan.many, plan.shared
    if shared is None:
        return lambda this, scope: Distinct(many(this, scope))
    key = f"distinct {shared}"

    def once(this: Any, scope: Scope) -> Distinct:
        found: Distinct | None = scope.memo.get(key)
        if found is None:
            found = scope.memo[key] = Distinct(many(this, scope))
        return found

    return once
