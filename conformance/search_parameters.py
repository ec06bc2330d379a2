"""The search parameters of the base specification.

Spec: https://hl7.org/fhir/R4/searchparameter-registry.html
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from msgspec import Struct

from conformance.rows import read_rows


class Component(NamedTuple):
    """A part of a composite parameter.

    Attributes:
        url: canonical of the parameter that gives the part's type.
        expression: FHIRPath from the composite's expression to the part.
    """

    url: str
    expression: str


class SearchParameterDefinition(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One search parameter.

    Attributes:
        url: its canonical.
        code: its name in a URL, such as ``birthdate``.
        type: ``number | date | string | token | reference | composite | quantity | uri | special``.
        base: the types it belongs to; ``Resource`` and ``DomainResource`` are inherited by the others.
        expression: FHIRPath of all its bases together, joined by ``|``; None where no element is searched.
        target: types a reference may point at.
        components: parts of a composite.
        comparators: prefixes the definition names.
        modifiers: modifiers the definition names.
        description: for a person, in Markdown.
    """

    url: str
    code: str
    type: str
    base: tuple[str, ...]
    expression: str | None = None
    target: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    comparators: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    description: str = ""


@cache
def search_parameters() -> tuple[SearchParameterDefinition, ...]:
    """Return the base specification's search parameters, sorted by canonical.

    Examples and those of extension packs are not among them; ``manifest().skipped`` names them.
    """
    return read_rows("search_parameters.jsonl", SearchParameterDefinition)
