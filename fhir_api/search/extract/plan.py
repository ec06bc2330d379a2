"""What has to be visited in a resource of one type: the routes of all its parameters, merged into one tree.

Each JSON property is then looked up once, however many parameters want it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fhir_api.search.definitions import SearchDefinitions, leaf_routes, usable
from fhir_api.search.entries import Shared
from fhir_api.search.query import Parameter
from fhir_api.search.routes import Route, Unroutable, is_present_and_not_false, routes

Variant = tuple[tuple[tuple[str, str], ...], int | None]
"""Conditions on an item and its index, as in :class:`~fhir_api.search.routes.Step`."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A parameter takes the element here."""

    parameter: Parameter
    route: Route


@dataclass(frozen=True, slots=True)
class Composite:
    """A composite parameter combines what its components find below the element here, or from the resource."""

    parameter: Parameter
    components: tuple[Component, ...]


@dataclass(slots=True)
class Branch:
    """One place in the resource."""

    leaves: list[Leaf] = field(default_factory=list)
    composites: list[Composite] = field(default_factory=list)
    children: dict[str, Child] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Child:
    """One property of a place, with a branch for each condition that routes put on its items."""

    repeats: bool
    variants: dict[Variant, Branch] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Component:
    """What one component of a composite visits."""

    parameter: Parameter
    below: Branch
    from_resource: Branch


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a resource type.

    Attributes:
        root: the resource.
        presence: parameters of the form ``X.exists() and X != false``, with the routes of X.
        evaluated: parameters whose expression is more than routes.
        primary: the date parameter that gives ``IndexEntries.low``.
        shared: see :class:`~fhir_api.search.entries.IndexEntries`.
    """

    root: Branch
    presence: tuple[tuple[Parameter, tuple[Route, ...]], ...]
    evaluated: tuple[Parameter, ...]
    primary: Parameter | None
    shared: Shared


def plan(definitions: SearchDefinitions, resource_type: str) -> Plan:
    """Return what has to be visited for the parameters of *resource_type*."""
    root = Branch()
    presence = []
    evaluated = []
    parameters = definitions.parameters(resource_type).values()
    for parameter in parameters:
        if parameter.type == "composite":
            _add_composite(definitions, root, parameter)
        elif (found := is_present_and_not_false(parameter.expression, resource_type)) is not None:
            presence.append((parameter, found))
        else:
            try:
                _add_leaves(root, parameter, leaf_routes(parameter))
            except Unroutable:
                evaluated.append(parameter)
    shared = {each.key: (each.parts[0], each.only) for each in parameters if each.parts}
    return Plan(root, tuple(presence), tuple(evaluated), definitions.primary_date(resource_type), shared)


def _add_leaves(start: Branch, parameter: Parameter, found: Iterable[Route]) -> None:
    for route in found:
        _place(start, route).leaves.append(Leaf(parameter, route))


def _add_composite(definitions: SearchDefinitions, root: Branch, composite: Parameter) -> None:
    expressions = definitions.component_expressions(composite)
    for base in routes(composite.expression, composite.resource_type):
        components = tuple(
            _component(parameter, expression, base.type)
            for parameter, expression in zip(composite.components, expressions, strict=True)
        )
        _place(root, base).composites.append(Composite(composite, components))


def _component(parameter: Parameter, expression: str, base: str) -> Component:
    component = Component(parameter, Branch(), Branch())
    for route in usable(routes(expression, parameter.resource_type, base), parameter):
        _add_leaves(component.from_resource if route.from_resource else component.below, parameter, (route,))
    return component


def _place(start: Branch, route: Route) -> Branch:
    branch = start
    for step in route.steps:
        child = branch.children.setdefault(step.name, Child(step.repeats))
        branch = child.variants.setdefault((step.where, step.index), Branch())
    return branch
