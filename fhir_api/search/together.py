"""Composites that say what their components say each by itself.

An Observation has one code and one value: ``code=x&value-quantity=gt5`` finds what ``code-value-quantity=x$gt5`` finds.
This follows from the expressions, so no names are listed here.

Spec: https://hl7.org/fhir/R4/search.html#composite
"""

from __future__ import annotations

from functools import lru_cache

from fhir_api.search.definitions import SearchDefinitions, leaf_routes, usable
from fhir_api.search.query import Parameter
from fhir_api.search.routes import Unroutable, routes


@lru_cache(maxsize=512)
def composites_of_single_elements(definitions: SearchDefinitions, resource_type: str) -> tuple[Parameter, ...]:
    """Return the composites of a type whose components each look at one element of the resource, which is there once.

    A resource with an entry of such a composite matches it exactly when it matches all components one by one. It may
    have entries of all components and none of the composite: where the value is no Quantity but SampledData, say.
    """
    composites = (each for each in definitions.parameters(resource_type).values() if each.type == "composite")
    return tuple(each for each in composites if _is_of_single_elements(definitions, each))


def _is_of_single_elements(definitions: SearchDefinitions, composite: Parameter) -> bool:
    bases = routes(composite.expression, composite.resource_type)
    if len(bases) != 1 or bases[0].steps:
        return False
    pairs = zip(composite.components, definitions.component_expressions(composite), strict=True)
    return all(definitions.is_single(part) and _looks_where(part, expression) for part, expression in pairs)


def _looks_where(part: Parameter, expression: str) -> bool:
    """Tell whether *expression*, of a component, leads nowhere but where *part* looks itself."""
    try:
        found = usable(routes(expression, part.resource_type, part.resource_type), part)
        own = leaf_routes(part)
    except Unroutable:
        return False
    places = {(way.steps, way.type) for way in own}
    return bool(found) and all((way.steps, way.type) in places for way in found)
