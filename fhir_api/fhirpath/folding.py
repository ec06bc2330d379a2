"""What is left of an expression once it is known which JSON properties its input has.

An invariant mostly asks whether members exist. For inputs of one shape that is known: ``start.empty() or start <= end``
is true where there is no ``start``, and just ``start <= end`` where there is one. The structure of the input has to be
sound: a property that is there holds something.

Spec: https://hl7.org/fhirpath/N1/#boolean-logic, https://hl7.org/fhirpath/N1/#propagation-of-empty-results-in-expressions
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fhir_api.fhirpath import ast, model
from fhir_api.fhirpath.errors import Position
from fhir_api.fhirpath.model import Choice


def folded(expression: ast.Expression, type_name: str, present: Collection[str]) -> ast.Expression:
    """Return an expression with the same results on each input of a FHIR type that has just these JSON properties."""
    return _Folder(type_name, present).fold(expression)


def mentioned(expression: ast.Expression, type_name: str) -> frozenset[str]:
    """Return the JSON properties of a FHIR type that can make a difference to what :func:`folded` returns."""
    members = model.members(type_name)
    names = {node.name for node in ast.walk(expression) if type(node) is ast.MemberInvocation}
    return frozenset(key for name in names if name in members for key in _keys(members[name]))


def _keys(member: model.Member | Choice) -> tuple[str, ...]:
    options = member.members if isinstance(member, Choice) else (member,)
    return tuple(key for option in options for key in (option.key, f"_{option.key}"))


_EMPTY_ON_EMPTY: Final = (
    *("where", "select", "repeat", "ofType", "as", "is", "resolve", "extension", "children", "descendants"),
    *("single", "first", "last", "tail", "skip", "take", "intersect", "exclude", "distinct", "not", "getValue"),
    *("toInteger", "toDecimal", "toString", "toBoolean", "substring", "length", "upper", "lower", "replaceMatches"),
    *("startsWith", "endsWith", "contains", "matches", "matchesFull", "indexOf", "memberOf", "htmlChecks"),
)
_ON_EMPTY: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(_EMPTY_ON_EMPTY),
    **dict.fromkeys(("empty", "all", "allTrue", "allFalse", "isDistinct"), True),
    **dict.fromkeys(("exists", "hasValue", "anyTrue", "anyFalse"), False),
}
"""What a function gives on nothing."""
_GIVING_BOOLEANS: Final = frozenset({"exists", "empty", "hasValue", "not", "all", "allTrue", "isDistinct", "matches"})
_BOOLEAN_OPERATORS: Final = frozenset(
    {"and", "or", "xor", "implies", "=", "!=", "<", "<=", ">", ">=", "in", "contains"}
)
_EMPTY_WITH_EMPTY: Final = frozenset({"=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "div", "mod", "xor"})


@dataclass(frozen=True, slots=True)
class _Folder:
    """Inputs of one shape.

    Attributes:
        type_name: their FHIR type.
        present: the JSON properties they have.
    """

    type_name: str
    present: Collection[str]

    def fold(self, node: ast.Expression) -> ast.Expression:
        """Return what is left of a part that is evaluated on the input itself."""
        folder = _FOLDERS.get(type(node))
        return node if folder is None else folder(self, node)

    def member(self, node: ast.MemberInvocation) -> ast.Expression:
        if node.name == self.type_name:
            return ast.ThisInvocation(node.position)
        member = model.members(self.type_name).get(node.name)
        if member is None:
            return node
        return node if any(key in self.present for key in _keys(member)) else ast.NullLiteral(node.position)

    def function(self, node: ast.FunctionInvocation) -> ast.Expression:
        """Fold a function on the input itself: its criteria, too, see the input."""
        if node.name in _CRITERIA and len(node.arguments) == 1:
            criteria = self.fold(node.arguments[0])
            known = _CRITERIA[node.name](criteria, node.position)
            return replace(node, arguments=(criteria,)) if known is None else known
        if not node.arguments and node.name in ("exists", "empty"):
            return ast.BooleanLiteral(node.position, node.name == "exists")
        return node

    def invocation(self, node: ast.InvocationExpression) -> ast.Expression:
        source, step = self.fold(node.expression), node.invocation
        if type(source) is ast.ThisInvocation:
            return self.fold(step)
        if type(step) is ast.FunctionInvocation:
            if step.name == "trace":
                return source
            known = self._known_result(source, step)
            if known is not None:
                return known
        elif type(source) is ast.NullLiteral and type(step) is ast.MemberInvocation:
            return source
        return replace(node, expression=source)

    def _known_result(self, source: ast.Expression, step: ast.FunctionInvocation) -> ast.Expression | None:
        if type(source) is ast.NullLiteral:
            return _literal(_ON_EMPTY[step.name], step.position) if step.name in _ON_EMPTY else None
        if type(source) is ast.BooleanLiteral and step.name == "not":
            return ast.BooleanLiteral(step.position, not source.value)
        if step.arguments or type(source) not in (ast.MemberInvocation, ast.BooleanLiteral):
            return None
        if step.name in ("exists", "empty") and (type(source) is ast.BooleanLiteral or self._is_there(source)):
            return ast.BooleanLiteral(step.position, step.name == "exists")
        if step.name == "hasValue" and self._has_value(source):
            return ast.BooleanLiteral(step.position, value=True)
        return None

    def _is_there(self, node: ast.Expression) -> bool:
        return type(node) is ast.MemberInvocation and node.name in model.members(self.type_name)

    def _has_value(self, node: ast.Expression) -> bool:
        """Tell whether an element is one primitive with a value, and neither id nor extensions."""
        member = model.members(self.type_name).get(node.name) if type(node) is ast.MemberInvocation else None
        if member is None or isinstance(member, Choice) or member.is_list or not model.is_primitive(member.type):
            return False
        return member.key in self.present and f"_{member.key}" not in self.present

    def indexer(self, node: ast.IndexerExpression) -> ast.Expression:
        source = self.fold(node.expression)
        return source if type(source) is ast.NullLiteral else replace(node, expression=source)

    def type(self, node: ast.TypeExpression) -> ast.Expression:
        operand = self.fold(node.operand)
        return operand if type(operand) is ast.NullLiteral else replace(node, operand=operand)

    def binary(self, node: ast.BinaryExpression) -> ast.Expression:
        left, right = self.fold(node.left), self.fold(node.right)
        known = _known(node.operator, left, right)
        return replace(node, left=left, right=right) if known is None else known


_FOLDERS: Final[Mapping[type, Callable[[_Folder, Any], ast.Expression]]] = {
    ast.MemberInvocation: _Folder.member,
    ast.FunctionInvocation: _Folder.function,
    ast.InvocationExpression: _Folder.invocation,
    ast.IndexerExpression: _Folder.indexer,
    ast.TypeExpression: _Folder.type,
    ast.BinaryExpression: _Folder.binary,
}


def _where(criteria: ast.Expression, position: Position) -> ast.Expression | None:
    if _is(criteria, value=True):
        return ast.ThisInvocation(position)
    return ast.NullLiteral(position) if _is_never(criteria) else None


def _all(criteria: ast.Expression, position: Position) -> ast.Expression | None:
    if _is_never(criteria):
        return ast.BooleanLiteral(position, value=False)
    return ast.BooleanLiteral(position, value=True) if _is(criteria, value=True) else None


_CRITERIA: Final = {"where": _where, "all": _all, "exists": _all}
"""Functions of one criteria; on one item ``exists(c)`` and ``all(c)`` are the same."""


# -- operators


def _known(operator: str, left: ast.Expression, right: ast.Expression) -> ast.Expression | None:
    """Return the result of an operator as far as its operands tell, None where nothing is gained."""
    if operator == "or":
        return _either(left, right, decisive=True)
    if operator == "and":
        return _either(left, right, decisive=False)
    if operator == "implies":
        return _implied(left, right)
    if operator in _EMPTY_WITH_EMPTY:
        if type(left) is ast.NullLiteral or type(right) is ast.NullLiteral:
            return ast.NullLiteral(left.position)
        if type(left) is ast.BooleanLiteral and type(right) is ast.BooleanLiteral and operator in ("=", "!=", "xor"):
            return ast.BooleanLiteral(left.position, (left.value == right.value) == (operator == "="))
    if operator == "in" and type(left) is ast.NullLiteral:
        return left
    return None


def _either(left: ast.Expression, right: ast.Expression, *, decisive: bool) -> ast.Expression | None:
    """Fold ``or``, which one True decides, and ``and``, which one False decides."""
    for operand, other in ((left, right), (right, left)):
        if _is(operand, value=decisive):
            return operand
        if _is(operand, value=not decisive) and _gives_boolean(other):
            return other
    return left if type(left) is ast.NullLiteral and type(right) is ast.NullLiteral else None


def _implied(left: ast.Expression, right: ast.Expression) -> ast.Expression | None:
    if _is(left, value=False) or _is(right, value=True):
        return ast.BooleanLiteral(left.position, value=True)
    if _is(left, value=True) and _gives_boolean(right):
        return right
    return left if type(left) is ast.NullLiteral and _is_never(right) else None


def _is(node: ast.Expression, *, value: bool) -> bool:
    return type(node) is ast.BooleanLiteral and node.value is value


def _is_never(node: ast.Expression) -> bool:
    """Tell whether an expression is known not to be true."""
    return type(node) is ast.NullLiteral or _is(node, value=False)


def _gives_boolean(node: ast.Expression) -> bool:
    """Tell whether an expression gives True, False or nothing."""
    match node:
        case ast.NullLiteral() | ast.BooleanLiteral():
            return True
        case ast.BinaryExpression(operator=operator):
            return operator in _BOOLEAN_OPERATORS
        case ast.TypeExpression(operator=operator):
            return operator == "is"
        case ast.FunctionInvocation(name=name) | ast.InvocationExpression(invocation=ast.FunctionInvocation(name=name)):
            return name in _GIVING_BOOLEANS
        case _:
            return False


def _literal(value: bool | None, position: Position) -> ast.Expression:
    return ast.NullLiteral(position) if value is None else ast.BooleanLiteral(position, value)
