"""Compartment searches such as ``Patient/123/Observation``.

Spec: https://hl7.org/fhir/R4/compartmentdefinition.html, https://hl7.org/fhir/R4/http.html#vsearch
"""

from __future__ import annotations

from collections.abc import Sequence

from conformance.compartments import compartments
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import AnyClause, Clause, IdClause, ReferenceValue, ValueClause

CENTRE = "{def}"
"""Stands for the resource at the centre of its own compartment."""


def members(compartment: str) -> tuple[str, ...]:
    """Return the types that can be in a compartment, sorted; empty for a type that has none."""
    return tuple(sorted(compartments().get(compartment, {})))


def compartment_clause(
    definitions: SearchDefinitions, compartment: str, logical_id: str, resource_types: Sequence[str]
) -> Clause:
    """Return what resources of *resource_types* in the compartment of one resource have in common.

    The clause holds for nothing where no such type can be in the compartment. A search over several types leaves the
    centre itself out: an id alone does not tell it from resources of other types.
    """
    value = ReferenceValue((f"{compartment}/{logical_id}",))
    clauses: list[Clause] = []
    for resource_type in resource_types:
        for code in definitions.compartment(compartment, resource_type):
            parameter = definitions.parameter(resource_type, code)
            if parameter is not None:
                clauses.append(ValueClause(parameter, None, (value,)))
            elif code == CENTRE and len(resource_types) == 1:
                clauses.append(IdClause((logical_id,)))
    return clauses[0] if len(clauses) == 1 else AnyClause(tuple(clauses))
