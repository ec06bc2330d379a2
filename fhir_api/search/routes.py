"""Where the expression of a search parameter leads in a resource's JSON: routes of steps to typed elements.

Search parameters use a small part of FHIRPath: paths, unions, casts, filters on a child or on the type of a reference's
target, indexers, extensions. All of that is known before any resource is seen, so it is worked out here, once, with
the element definitions: ``Observation.value as Quantity`` becomes the route ``valueQuantity`` to a Quantity.

Spec: https://hl7.org/fhir/R4/searchparameter-definitions.html#SearchParameter.expression
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from conformance.types import Binding, is_subtype, nodes
from fhir_api.fhirpath import ast
from fhir_api.fhirpath.parser import parse


class Unroutable(Exception):  # noqa: N818 - not an error: another way of evaluation takes over
    """The expression goes beyond paths and filters."""


@dataclass(frozen=True, slots=True)
class Step:
    """One JSON property on the way.

    Attributes:
        name: the property.
        repeats: its value is an array.
        where: children that must have a certain value, such as ``("system", "phone")``.
        index: only this item of the array.
    """

    name: str
    repeats: bool
    where: tuple[tuple[str, str], ...] = ()
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """The way to elements of one FHIR type.

    Attributes:
        steps: from the resource, or from the element a composite is based on.
        type: name of the node at the end: ``Quantity``, ``Patient.contact``.
        element: path of the element at the end in its definition: ``Observation.value[x]``.
        targets: types a Reference or canonical at the end may point at.
        binding: of the element at the end.
        only: references to other types than this are left out.
        from_resource: starts at the resource wherever it is used (``%resource``).
    """

    steps: tuple[Step, ...]
    type: str
    element: str = ""
    targets: tuple[str, ...] = ()
    binding: Binding | None = None
    only: str | None = None
    from_resource: bool = False


def routes(expression: str, resource_type: str, focus: str | None = None) -> tuple[Route, ...]:
    """Return where *expression* leads in a resource of *resource_type*; parts about other types lead nowhere.

    Args:
        expression: FHIRPath.
        resource_type: such as ``Observation``.
        focus: the node at which relative paths start (for components of a composite); the resource by default.

    Raises:
        Unroutable: the expression uses more of FHIRPath.
        FhirPathSyntaxError: it is no FHIRPath.
    """
    start = Route((), focus or resource_type)
    found = _Router(Route((), resource_type, from_resource=focus is not None), start).follow(parse(expression))
    return tuple(dict.fromkeys(found))


def is_present_and_not_false(expression: str, resource_type: str) -> tuple[Route, ...] | None:
    """Return the routes of X in ``X.exists() and X != false``, None for any other expression."""
    match parse(expression):
        case ast.BinaryExpression(
            operator="and",
            left=ast.InvocationExpression(
                expression=left, invocation=ast.FunctionInvocation(name="exists", arguments=())
            ),
            right=ast.BinaryExpression(operator="!=", left=right, right=ast.BooleanLiteral(value=False)),
        ):
            router = _Router(Route((), resource_type), Route((), resource_type))
            ways = router.follow(left)
            return tuple(ways) if ways == router.follow(right) else None
    return None


@dataclass(frozen=True, slots=True)
class _Router:
    root: Route
    focus: Route

    def follow(self, expression: ast.Expression) -> list[Route]:
        match expression:
            case ast.BinaryExpression(operator="|", left=left, right=right):
                return self.follow(left) + self.follow(right)
            case ast.MemberInvocation(name=name):
                return self._start(name)
            case ast.ExternalConstant(name="resource"):
                return [self.root]
            case ast.FunctionInvocation():
                return self._apply([self.focus], expression)
            case ast.InvocationExpression(expression=inner, invocation=ast.MemberInvocation(name=name)):
                return _children(self.follow(inner), name)
            case ast.InvocationExpression(expression=inner, invocation=ast.FunctionInvocation() as function):
                return self._apply(self.follow(inner), function)
            case ast.TypeExpression(operator="as", operand=operand, type_specifier=specifier):
                return _of_type(self.follow(operand), specifier.name)
            case ast.IndexerExpression(expression=inner, index=ast.NumberLiteral(value=int() as index)):
                return [_last_step(route, index=index) for route in self.follow(inner)]
            case _:
                raise Unroutable(type(expression).__name__)

    def _start(self, name: str) -> list[Route]:
        if not name[0].isupper():
            return _children([self.focus], name)
        return [self.root] if is_subtype(self.root.type, name) else []

    def _apply(self, ways: list[Route], function: ast.FunctionInvocation) -> list[Route]:
        match function.name, function.arguments:
            case (("as" | "ofType"), (ast.MemberInvocation(name=name),)):
                return _of_type(ways, name)
            case "where", (condition,):
                return [_filtered(route, condition) for route in ways]
            case "extension", (ast.StringLiteral(value=url),):
                return [_last_step(route, where=("url", url)) for route in _children(ways, "extension")]
            case "first", ():
                return [_last_step(route, index=0) for route in ways]
            case _:
                raise Unroutable(function.name)


def _children(ways: Iterable[Route], name: str) -> list[Route]:
    return [child for route in ways for child in _children_of(route, name)]


def _children_of(route: Route, name: str) -> Iterable[Route]:
    node = nodes().get(route.type)
    for element in node.elements if node else ():
        if element.name == name:
            repeats = element.max != 1
            for json_name, kind in element.json_names().items():
                steps = (*route.steps, Step(json_name, repeats))
                yield Route(
                    steps, kind.code, element.path, kind.target_profiles, element.binding, None, route.from_resource
                )


def _of_type(ways: Iterable[Route], name: str) -> list[Route]:
    # published expressions say DateTime where they mean dateTime
    return [route for route in ways if route.type.lower() == name.lower() or is_subtype(route.type, name)]


def _filtered(route: Route, condition: ast.Expression) -> Route:
    match condition:
        case ast.TypeExpression(
            operator="is", operand=ast.FunctionInvocation(name="resolve"), type_specifier=specifier
        ):
            return replace(route, only=specifier.name)
        case ast.BinaryExpression(
            operator="=", left=ast.MemberInvocation(name=name), right=ast.StringLiteral(value=value)
        ):
            return _last_step(route, where=(name, value))
        case _:
            raise Unroutable("where")


def _last_step(route: Route, where: tuple[str, str] | None = None, index: int | None = None) -> Route:
    if not route.steps:
        raise Unroutable("a filter on the resource itself")
    *before, last = route.steps
    if index is not None and (last.index is not None or not last.repeats):
        raise Unroutable("indexer")
    last = Step(
        last.name, last.repeats, (*last.where, where) if where else last.where, last.index if index is None else index
    )
    return replace(route, steps=(*before, last))
