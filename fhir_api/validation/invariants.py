"""The invariants of the definitions: FHIRPath expressions that have to be true of an element.

An invariant is kept where its expression is true; false and empty break it. One that cannot be evaluated refuses
nothing.

Spec: https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, Protocol

from conformance.types import Constraint, node
from fhir_api import fhirpath
from fhir_api.fhirpath import Compiled, Environment, FhirPathEvaluationError
from fhir_api.validation.primitives import Json

SEEN_BY_STRUCTURE: Final[Mapping[str, str]] = {
    "dom-2": "the structure of a contained resource has no 'contained'",
    "dom-3": "references into the resource are gathered while its structure is checked",
    "dom-4": "the structure of a contained resource's meta has neither 'versionId' nor 'lastUpdated'",
    "dom-5": "the structure of a contained resource's meta has no 'security'",
    "ele-1": "an object without members is refused by every structure",
    "ext-1": "the members of an Extension tell it",
    "ref-1": "references into the resource are gathered while its structure is checked",
    "txt-1": "the format of xhtml",
    "txt-2": "the format of xhtml",
}
"""Invariants that need no expression, with the reason."""
AMENDED: Final[Mapping[str, str]] = {
    # empty where there is no fullUrl, which need not be there
    "bdl-8": "fullUrl.empty() or fullUrl.contains('/_history/').not()",
    # empty where there is no max, which need not be there
    "md-1": "max.empty() or max = '*' or max.toInteger() > 0",
    # "more than one" was written as "> 2"
    "que-12": "enableWhen.count() > 1 implies enableBehavior.exists()",
    # Boolean is the System type, which an element never is
    "que-7": "operator = 'exists' implies (answer is boolean)",
    # empty where there is no probability, which need not be there
    "ras-2": "probability.empty() or (probability is decimal implies (probability as decimal) <= 100)",
}
"""Expressions that do not say what the rule in words says, by key, as they are evaluated here."""

_MATCHES: Final = re.compile(r"\bmatches\(")
_KEPT_RESIDUES: Final = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Invariant:
    """One invariant of elements of one type.

    Attributes:
        key: its name in the specification, such as ``obs-6``.
        severity: ``error | warning``.
        human: the rule in words.
        expression: over the element.
        asks_resource: whether the resource that holds the element has to be known.
    """

    key: str
    severity: str
    human: str
    expression: Compiled
    asks_resource: bool

    def is_kept(self, element: Json, environment: Environment) -> bool:
        """Tell whether an element keeps it.

        Raises:
            FhirPathEvaluationError: the expression is not defined for the element.
        """
        return self.expression.boolean(element, environment) is True


@cache
def invariants(node_name: str) -> tuple[Invariant, ...]:
    """Return the invariants of a node that are evaluated."""
    definition = node(node_name)
    return tuple(_compiled(definition.constraints, node_name, is_resource=definition.kind == "resource"))


@lru_cache(maxsize=1024)
def invariants_of_value(constraints: tuple[Constraint, ...], type_code: str) -> tuple[Invariant, ...]:
    """Return the invariants that an element's definition adds to those of its type."""
    return tuple(_compiled(constraints, type_code, is_resource=False))


def _compiled(constraints: Iterable[Constraint], type_name: str, *, is_resource: bool) -> Iterator[Invariant]:
    for each in constraints:
        if each.expression is not None and each.key not in SEEN_BY_STRUCTURE:
            expression = fhirpath.compile(_amended(each.key, each.expression), type_name=type_name)
            asks_resource = not is_resource and expression.asks_resource
            yield Invariant(each.key, each.severity, each.human, expression, asks_resource)


def _amended(key: str, expression: str) -> str:
    # written for the meaning that matches() had before FHIRPath had matchesFull()
    whole = _MATCHES.sub("matchesFull(", AMENDED.get(key, expression))
    # the same warning of many definitions, of which most need no name
    return f"name.empty() or {whole}" if whole.startswith("name.matches") else whole


class Holds(Protocol):
    """Tells whether an element of the shape it was made for keeps an invariant; never raises."""

    def __call__(self, element: Json, environment: Environment = ..., /) -> bool:
        """Return the answer."""
        ...


def rest_for_shape(invariant: Invariant, shape: Iterable[str]) -> Holds | None:
    """Return what is left of an invariant for elements with these members; None where they all keep it."""
    return _rest(invariant, _mentioned(invariant).intersection(shape))


@cache
def _mentioned(invariant: Invariant) -> frozenset[str]:
    return invariant.expression.mentioned()


@lru_cache(maxsize=_KEPT_RESIDUES)
def _rest(invariant: Invariant, present: frozenset[str]) -> Holds | None:
    rest = invariant.expression.given(present)
    if rest.is_constant:
        return None if rest.boolean({}) is True else _never
    return holding(rest)


def holding(expression: Compiled) -> Holds:
    """Return a check that takes what cannot be evaluated for kept."""
    boolean = expression.boolean

    def holds(element: Json, environment: Environment = _NOTHING) -> bool:
        try:
            return boolean(element, environment) is True
        except FhirPathEvaluationError:
            return True

    return holds


_NOTHING: Final = Environment()


def _never(_element: Json, _environment: Environment = _NOTHING) -> bool:
    return False
