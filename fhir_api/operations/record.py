"""Whose record is asked for: the resources at its centre and the compartment around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from conformance.compartments import compartments
from fhir_api.interactions.context import Context
from fhir_api.model.keys import ResourceKey
from fhir_api.search.compartments import members
from fhir_api.search.query import AnyClause, Clause, ReferenceValue, ValueClause


@dataclass(frozen=True)
class Record:
    """A record.

    Attributes:
        compartment: the type of its centre: ``Patient`` or ``Encounter``.
        centres: come first; none where it is of all.
        patients: whose resources may be shown, such as ``Patient/1``; None: everyone's.
        is_of_all: the records of all patients there are.
        is_followed: what a patient's own resources refer to is wanted, too.
    """

    compartment: str
    centres: tuple[ResourceKey, ...] = ()
    patients: frozenset[str] | None = None
    is_of_all: bool = False
    is_followed: bool = False

    @cached_property
    def owners(self) -> frozenset[str]:
        """The centres as references."""
        return frozenset(map(str, self.centres))

    @property
    def member_types(self) -> tuple[str, ...]:
        """The types that can be in it, sorted."""
        return members(self.compartment)

    def clauses(self, context: Context) -> tuple[Clause, ...]:
        """Return what its members have in common; those of all patients' records have to be told one by one."""
        if self.is_of_all:
            return ()
        value = ReferenceValue(tuple(sorted(self.owners)))
        found = (
            context.rules.search.parameter(resource_type, code)
            for resource_type, codes in compartments()[self.compartment].items()
            for code in codes
        )
        clauses = tuple(ValueClause(parameter, None, (value,)) for parameter in found if parameter is not None)
        return (AnyClause(clauses),)
