"""Validation against the base definitions, asked on every write.

A quick verdict is given first; only where it is "no" is the resource walked again to name the places. ``$validate``
walks in any case, since it tells warnings, too.

Spec: https://hl7.org/fhir/R4/validation.html
"""

from __future__ import annotations

from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource
from fhir_api.validation.explanation import ERRORS, explain
from fhir_api.validation.verdict import Verdict

_UNEXPLAINED = Issue("error", "structure", "The resource breaks a rule of its definition.")
_EVERYTHING = frozenset({"error", "warning"})


class Validator:
    """Checks resources against the definitions of their types.

    Types are made ready at first use, and shapes and values that were good are remembered: keep one for the life of
    the process. It may be used by several threads.
    """

    def __init__(self, *, with_invariants: bool = True) -> None:
        self._verdict = Verdict(with_invariants=with_invariants)
        self._told = ERRORS if with_invariants else frozenset[str]()

    def check(self, resource: Resource, *, in_bundle: bool = False) -> tuple[Issue, ...]:
        """Return why a resource is refused, at most 100 issues; nothing if it is sound.

        Args:
            resource: the resource with all it holds: contained ones, and those of a Bundle's entries.
            in_bundle: whether it is an entry of a transaction or batch, which may hold conditional references.
        """
        if self._verdict.is_sound(resource.tree, in_bundle=in_bundle):
            return ()
        # Refused in any case: a verdict that cannot be explained is still no.
        return explain(resource.tree, in_bundle=in_bundle, severities=self._told) or (_UNEXPLAINED,)

    def validate(self, resource: Resource, *, in_bundle: bool = False) -> tuple[Issue, ...]:
        """Return all that can be said about a resource, at most 100 issues: errors, warnings and information."""
        return explain(resource.tree, in_bundle=in_bundle, severities=_EVERYTHING)
