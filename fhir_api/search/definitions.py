"""The search parameters of every resource type, compiled from the published definitions.

Spec: https://hl7.org/fhir/R4/searchparameter-registry.html
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from functools import cache, cached_property
from types import MappingProxyType
from typing import Final

from conformance.compartments import compartments
from conformance.search_parameters import SearchParameterDefinition, search_parameters
from conformance.types import is_subtype, resource_types
from fhir_api.search.entries import parameter_key
from fhir_api.search.evaluation import result_types
from fhir_api.search.query import Parameter
from fhir_api.search.routes import Route, Unroutable, is_present_and_not_false, routes
from fhir_api.search.sharing import shared
from fhir_api.search.types import sound
from fhir_api.search.types.registry import LEAVES
from fhir_api.search.types.string import LATER
from fhir_api.search.types.token import CASELESS_TYPES, IDENTIFYING_TYPES, TEXTS

_ANY = ("Resource",)

NOT_INDEXED = frozenset({"_id", "_lastUpdated", "_text", "_content", "_query", "_filter", "_list", "_has", "_type"})
"""Parameters that are answered by other means than index entries, or not at all."""

PRIMARY_DATES = (
    "date",
    "effective-time",
    "effective",
    "onset-date",
    "recorded-date",
    "authoredon",
    "authored-on",
    "authored",
    "datetime",
    "datewritten",
    "whenhandedover",
    "whenprepared",
    "started",
    "start",
    "occurrence",
    "sent",
    "issued",
    "timestamp",
    "collected",
    "identified",
    "period",
    "start-date",
    "recorded",
    "created",
    "entered-date",
)
"""Codes of date parameters, the first of a type is its primary clinical date: "newest first" orders by it.

What happened to the patient comes before what was done about it, and that before when it was written down.
"""

_OF_PARTS: Final = frozenset({"HumanName", "Address", "canonical"})
"""Types of which one element has several entries."""

_EXCHANGED: Final[Mapping[str, tuple[str, ...]]] = {
    "http://hl7.org/fhir/SearchParameter/DocumentReference-relationship": ("target", "code"),
}
"""Expressions of components that stand at each other's place in R4's definitions, where neither finds anything."""


class SearchDefinitions:
    """The registry of search parameters; the parameters of a type are compiled when they are first asked for."""

    def __init__(self, definitions: tuple[SearchParameterDefinition, ...]) -> None:
        self._definitions = definitions
        self._parameters: dict[str, Mapping[str, Parameter]] = {}
        self._single: dict[int, bool] = {}
        self._by_url = {definition.url: definition for definition in definitions}

    @cached_property
    def resource_types(self) -> frozenset[str]:
        """Names of all resource types that can be searched."""
        return frozenset(resource_types())

    def parameters(self, resource_type: str) -> Mapping[str, Parameter]:
        """Return the indexed parameters of a type by code, those of Resource and DomainResource with them.

        Raises:
            KeyError: no such resource type.
        """
        found = self._parameters.get(resource_type)
        if found is None:
            if resource_type not in self.resource_types:
                raise KeyError(resource_type)
            found = MappingProxyType(self._compile(resource_type))
            self._parameters[resource_type] = found
        return found

    def parameter(self, resource_type: str, code: str) -> Parameter | None:
        """Return one indexed parameter; None if the type has none of that code."""
        return self.parameters(resource_type).get(code)

    def primary_date(self, resource_type: str) -> Parameter | None:
        """Return the date parameter by which "newest first" orders the type; None if it has none."""
        known = self.parameters(resource_type)
        candidates = (known[code] for code in PRIMARY_DATES if code in known)
        return next((parameter for parameter in candidates if self.is_single(parameter)), None)

    def is_single(self, parameter: Parameter) -> bool:
        """Tell whether a resource has one value for an indexed parameter at most."""
        known = self._single.get(parameter.key)
        if known is None:
            try:
                known = is_single(parameter)
            except Unroutable:
                known = False
            self._single[parameter.key] = known
        return known

    def compartment(self, compartment: str, resource_type: str) -> tuple[str, ...]:
        """Return the reference parameters that put *resource_type* into *compartment*; empty if it never is inside."""
        return compartments().get(compartment, {}).get(resource_type, ())

    def _compile(self, resource_type: str) -> dict[str, Parameter]:
        own = [
            definition
            for definition in self._definitions
            if any(is_subtype(resource_type, base) for base in definition.base) and definition.code not in NOT_INDEXED
        ]
        # a composite's components are parameters of the same type
        simple = self.shared({
            row.code: _simple(resource_type, row, self.key(resource_type, row))
            for row in own
            if row.type != "composite"
        })  # fmt: skip
        composite = self.shared({
            row.code: self._composite(resource_type, row, simple) for row in own if row.type == "composite"
        })  # fmt: skip
        return dict(sorted((simple | composite).items()))

    def shared(self, parameters: dict[str, Parameter]) -> dict[str, Parameter]:
        """Return some parameters of a type, those with ``parts`` that share their entries with others of them."""
        return shared(parameters, self._ends)

    def _ends(self, parameter: Parameter) -> list[Hashable]:
        """Return what decides which entries *parameter* has; see :data:`fhir_api.search.sharing.Ends`."""
        if parameter.type == "composite":
            bases = routes(parameter.expression, parameter.resource_type)
            return [(base, *self._component_ends(parameter, base)) for base in bases]
        if parameter.type in {"special", "date"} or is_present_and_not_false(
            parameter.expression, parameter.resource_type
        ):
            raise Unroutable(parameter.type)
        # a resource inside another is indexed where the parameter takes its type
        return [(way, parameter.targets) if way.type == "Resource" else way for way in leaf_routes(parameter)]

    def _component_ends(self, composite: Parameter, base: Route) -> Iterator[Hashable]:
        for part, expression in zip(composite.components, self.component_expressions(composite), strict=True):
            ways = usable(routes(expression, part.resource_type, base.type), part)
            yield part.type, part.is_identifier, frozenset(ways)

    def _composite(
        self, resource_type: str, definition: SearchParameterDefinition, simple: Mapping[str, Parameter]
    ) -> Parameter:
        components = tuple(self.component(resource_type, part.url, simple) for part in definition.components)
        return Parameter(
            resource_type,
            definition.code,
            "composite",
            self.key(resource_type, definition),
            definition.expression or "",
            definition.url,
            components=components,
        )

    def key(self, resource_type: str, definition: SearchParameterDefinition) -> int:
        """Return the number under which a type's parameter has its index entries."""
        return parameter_key(resource_type, definition.code)

    def component(self, resource_type: str, url: str, simple: Mapping[str, Parameter]) -> Parameter:
        """Return the parameter of a type that a composite names as *url*; *simple* are those defined with it.

        Raises:
            KeyError: there is none.
        """
        return simple[self._by_url[url].code]

    def component_expressions(self, composite: Parameter) -> tuple[str, ...]:
        """Return the expressions of a composite's components, in order."""
        return _EXCHANGED.get(composite.url) or tuple(
            component.expression for component in self._by_url[composite.url].components
        )


def leaf_routes(parameter: Parameter) -> tuple[Route, ...]:
    """Return the routes to elements that have something for the index.

    Raises:
        Unroutable: the expression needs the whole of FHIRPath.
    """
    found = routes(parameter.expression, parameter.resource_type)
    return usable(found, parameter)


def usable(found: tuple[Route, ...], parameter: Parameter) -> tuple[Route, ...]:
    """Return those *found* routes that end at a type which *parameter* can index; an Extension stands for its value."""
    leaves = LEAVES[parameter.type]
    values = (routes("value", parameter.resource_type, "Extension") if way.type == "Extension" else () for way in found)
    inside = tuple(
        replace(value, steps=(*way.steps, *value.steps), from_resource=way.from_resource)
        for way, ends in zip(found, values, strict=True)
        for value in ends
    )
    return tuple(way for way in (*found, *inside) if way.type in leaves)


def is_single(parameter: Parameter) -> bool:
    """Tell whether a resource has one value for the parameter at most."""
    found = leaf_routes(parameter)
    is_one = not any(step.repeats for way in found for step in way.steps) and len({way.element for way in found}) == 1
    return is_one and _OF_PARTS.isdisjoint(way.type for way in found)


def _simple(resource_type: str, definition: SearchParameterDefinition, key: int) -> Parameter:
    parameter = Parameter(
        resource_type,
        definition.code,
        definition.type,
        key,
        definition.expression or "",
        definition.url,
        definition.target,
    )
    types = _element_types(parameter)
    return Parameter(
        resource_type,
        definition.code,
        definition.type,
        parameter.key,
        parameter.expression,
        definition.url,
        _targets(parameter),
        (),
        types,
        is_identifier=definition.type == "token" and not IDENTIFYING_TYPES.isdisjoint(types),
        is_canonical=definition.type == "reference" and "canonical" in types and "Reference" not in types,
        ignores_case=definition.type == "token" and not CASELESS_TYPES.isdisjoint(types),
        texts=_texts(parameter) if definition.type == "token" else (),
        later=_later(parameter),
        by_sound=definition.url in sound.PARAMETERS,
    )


def text_key(parameter: Parameter, route: Route) -> int:
    """Return the key of the texts at the end of *route*, which parameters of the base specification share."""
    steps = (f"{step.name}{step.where or ''}{'' if step.index is None else step.index}" for step in route.steps)
    place = ".".join(steps)
    is_base = parameter.key == parameter_key(parameter.resource_type, parameter.code)
    return parameter_key(parameter.resource_type if is_base else str(parameter.key), f"{place}:text")


def _texts(parameter: Parameter) -> tuple[int, ...]:
    try:
        found = leaf_routes(parameter)
    except Unroutable:
        return ()
    return tuple(dict.fromkeys(text_key(parameter, way) for way in found if way.type in TEXTS))


def _later(parameter: Parameter) -> int | None:
    if parameter.type != "string" or parameter.url in sound.PARAMETERS:
        return None
    try:
        found = leaf_routes(parameter)
    except Unroutable:
        return None
    return parameter_key(str(parameter.key), "later") if any(later_words_at(way) for way in found) else None


def later_words_at(route: Route) -> Callable[..., None] | None:
    """Return what adds the later words of the family names at the end of *route*; None where there are none."""
    return LATER.get(route.type) or LATER.get(route.element)


def _targets(parameter: Parameter) -> tuple[str, ...]:
    """Return the types that references found by the parameter can point at.

    The published list is for all types that share the parameter: on Observation ``patient`` never finds a Group.
    """
    if parameter.type != "reference":
        return ()
    try:
        found = leaf_routes(parameter)
    except Unroutable:
        return parameter.targets
    allowed = {target for way in found for target in ((way.only,) if way.only is not None else way.targets or _ANY)}
    if "Resource" in allowed:
        return parameter.targets
    return tuple(target for target in parameter.targets if target in allowed) or tuple(sorted(allowed))


def _element_types(parameter: Parameter) -> tuple[str, ...]:
    if parameter.type not in LEAVES or not parameter.expression:
        return ()
    if is_present_and_not_false(parameter.expression, parameter.resource_type) is not None:
        return ("boolean",)
    try:
        return tuple(sorted({way.type for way in leaf_routes(parameter)}))
    except Unroutable:
        return result_types(parameter)


@cache
def base_definitions() -> SearchDefinitions:
    """Return the search parameters of the base specification."""
    return SearchDefinitions(search_parameters())
