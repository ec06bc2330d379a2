"""The search parameters as published, and what their expressions find in a resource."""

from __future__ import annotations

from functools import cache
from typing import Any

from conformance.search_parameters import SearchParameterDefinition, search_parameters
from conformance.types import is_subtype
from fhir_api import fhirpath
from fhir_api.fhirpath import Item

Tree = dict[str, Any]


@cache
def parameters(resource_type: str) -> dict[str, SearchParameterDefinition]:
    """Return the parameters of a type by code, those of the types above it with them."""
    return {
        definition.code: definition
        for definition in search_parameters()
        if any(is_subtype(resource_type, base) for base in definition.base)
    }


@cache
def by_url(url: str) -> SearchParameterDefinition:
    """Return the parameter with a canonical."""
    return next(definition for definition in search_parameters() if definition.url == url)


def elements(resource: Tree, expression: str) -> list[Item]:
    """Return what an expression finds in a resource, each with its FHIR type; an extension stands for its value."""
    return below(resource, Item(resource, resource["resourceType"]), expression)


def below(resource: Tree, context: Item, expression: str) -> list[Item]:
    """Return what an expression finds from an element of a resource on."""
    # as published, Observation-value-date writes the name of a type in another way than the specification
    compiled = fhirpath.compile(expression.replace("as(DateTime)", "as(dateTime)"), type_name=context.type)
    environment = fhirpath.Environment(resource=resource, resolver=fhirpath.typed_only)
    return [_item(found) for found in compiled.items(context.value, environment)]


def _item(found: Any) -> Item:
    if isinstance(found, Item):
        return _value_of(found.value) if found.type == "Extension" else found
    if isinstance(found, bool):
        return Item(found, "boolean")
    return Item(found, found["resourceType"])


def _value_of(extension: Tree) -> Item:
    for name, value in extension.items():
        if name.startswith("value"):
            kind = name.removeprefix("value")
            return Item(value, kind if isinstance(value, dict) else kind[0].lower() + kind[1:])
    return Item(None, "Extension")
