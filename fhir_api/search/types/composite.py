"""Composite parameters: several values that hold for one element together.

Spec: https://hl7.org/fhir/R4/search.html#composite
"""

from __future__ import annotations

from fhir_api.search.entries import CompositeEntry
from fhir_api.search.query import CompositeValue, Parameter
from fhir_api.search.types.escapes import split
from fhir_api.search.types.reading import Reading, malformed
from fhir_api.search.types.registry import MATCHERS, PARSERS


def parse(parameter: Parameter, text: str, reading: Reading) -> CompositeValue:
    """Read ``value$value``, one for each component.

    Raises:
        FhirError: MALFORMED for another number of values, or a value its component cannot read.
    """
    parts = split(text, "$")
    if len(parts) != len(parameter.components) or not all(parts):
        names = "$".join(component.code for component in parameter.components)
        raise malformed(parameter, f"a value for each component: '{names}'")
    return CompositeValue(
        tuple(
            PARSERS[component.type](component, part, reading, None)
            for component, part in zip(parameter.components, parts, strict=True)
        )
    )


def matches(entry: CompositeEntry, value: CompositeValue) -> bool:
    """Tell whether each component of the entry is what its part of the value asks for."""
    return all(
        MATCHERS[type(component)](component, wanted, None)
        for component, wanted in zip(entry.components, value.components, strict=True)
    )
