"""Compartments: which search parameters put a resource into the record of a patient, an encounter and such.

Spec: https://hl7.org/fhir/R4/compartmentdefinition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from msgspec import Struct

from conformance.rows import read_rows


class CompartmentDefinition(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One compartment.

    Attributes:
        code: the type at its centre, such as ``Patient``.
        url: its canonical.
        resources: for each type that can be inside, the search parameters that put it there.
    """

    code: str
    url: str
    resources: dict[str, tuple[str, ...]]


@cache
def compartments() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return ``{"Patient": {"Observation": ("subject", "performer")}}`` for every compartment.

    A type that can never be inside is left out. The parameter ``{def}`` stands for the centre itself: an Encounter is
    in its own compartment.
    """
    rows = read_rows("compartments.jsonl", CompartmentDefinition)
    return MappingProxyType({row.code: MappingProxyType(row.resources) for row in rows})
