"""Structure validation: the rules of the base definitions, asked on every write.

A quick verdict is given first; only where it is "no" is the resource walked again to name the places. Invariants and
profiles are no part of it: they will be asked of resources that are sound in structure.

Spec: https://hl7.org/fhir/R4/validation.html (structure, cardinality, value domains, coding bindings)
"""

from __future__ import annotations

from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource
from fhir_api.validation.explanation import explain
from fhir_api.validation.verdict import Verdict

_UNEXPLAINED = Issue("error", "structure", "The resource breaks a rule of its definition.")


class StructureValidator:
    """Checks resources against the definitions of their types.

    Types are made ready at first use, and shapes and values that were good are remembered: keep one for the life of
    the process. It may be used by several threads.
    """

    def __init__(self) -> None:
        self._verdict = Verdict()

    def check(self, resource: Resource, *, in_bundle: bool = False) -> tuple[Issue, ...]:
        """Return what is wrong with a resource, at most 100 issues; nothing if it is sound.

        Args:
            resource: the resource with all it holds: contained ones, and those of a Bundle's entries.
            in_bundle: whether it is an entry of a transaction or batch, which may hold conditional references.
        """
        if self._verdict.is_sound(resource.tree, in_bundle=in_bundle):
            return ()
        # Refused in any case: a verdict that cannot be explained is still no.
        return explain(resource.tree, in_bundle=in_bundle) or (_UNEXPLAINED,)
