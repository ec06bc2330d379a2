"""One caller's decisions, made once and then looked up.

Spec: https://hl7.org/fhir/R4/security.html#access-control
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final

from conformance.types import resource_types
from fhir_api.access.caller import Caller
from fhir_api.access.clauses import every
from fhir_api.access.decision import Decision, Rulebook
from fhir_api.access.implied import tells_type
from fhir_api.access.judging import Judge
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.search.query import EVERYTHING, NOTHING, AnyClause, Clause, TypeClause
from identity.access.scopes.permissions import LETTERS

_MOST_JOINED: Final = 32


class Access:
    """What one caller may reach, by the rules as they are now.

    Attributes:
        caller: who calls.
        rules: what is decided by.
    """

    def __init__(self, caller: Caller, rules: Rulebook) -> None:
        """Decide for *caller* by *rules*."""
        self.caller = caller
        self.rules = rules
        self._judges: dict[tuple[str, str], Judge] = {}
        self._across: dict[tuple[str, ...], Clause] = {}

    def decide(self, interaction: str, resource_type: str) -> Decision:
        """Return the decision with its reasons."""
        return self.rules.decide(self.caller, interaction, resource_type)

    def judge(self, interaction: str, resource_type: str) -> Judge:
        """Return what tells whether a resource may be reached by an interaction."""
        # rules by attributes know interactions, scopes only their letters
        known = self._judges.get((interaction, resource_type))
        if known is None:
            clause = self.decide(interaction, resource_type).clause
            known = Judge(_shared(clause), self.rules.zone)
            self._judges[interaction, resource_type] = known
        return known

    def reach(self, interaction: str, resource_type: str) -> Clause:
        """Return what has to hold for resources of a type; ``EVERYTHING`` and ``NOTHING`` are these very objects."""
        return self.judge(interaction, resource_type).clause

    def admitted(self, interaction: str, resource_type: str) -> Judge:
        """Return what tells whether a resource may be reached.

        Raises:
            FhirError: FORBIDDEN where the interaction on the type is not allowed at all.
        """
        judge = self.judge(interaction, resource_type)
        if judge.clause is NOTHING:
            raise refused(interaction, resource_type)
        return judge

    @cached_property
    def searched(self) -> Mapping[str, Clause]:
        """What has to hold for each type that may be searched."""
        found = {name: self.reach("search-type", name) for name in resource_types()}
        return {name: clause for name, clause in found.items() if clause is not NOTHING}

    @cached_property
    def sees_all(self) -> bool:
        """Whether every resource of every type may be searched."""
        return len(self.searched) == len(resource_types()) and all(
            clause is EVERYTHING for clause in self.searched.values()
        )

    @cached_property
    def shown(self) -> Mapping[str, Clause] | None:
        """What has to hold for each type that a search may include; None where everything may be."""
        found = {name: self.reach("read", name) for name in resource_types()}
        if all(clause is EVERYTHING for clause in found.values()):
            return None
        return {name: clause for name, clause in found.items() if clause is not NOTHING}

    @cached_property
    def administers(self) -> bool:
        """Whether what runs the store may be used."""
        return self.caller.is_unlimited or self.rules.policy.rights(self.caller).administers

    def across(self, names: tuple[str, ...]) -> Clause:
        """Return what has to hold in a search over several types, all of which may be searched."""
        known = self._across.get(names)
        if known is None:
            if len(self._across) >= _MOST_JOINED:
                self._across.clear()
            known = self._across[names] = self._joined(names)
        return known

    def _joined(self, names: tuple[str, ...]) -> Clause:
        found = {name: self.searched[name] for name in names}
        if all(clause is EVERYTHING for clause in found.values()):
            return EVERYTHING
        # alternatives side by side, as those of a compartment are, so that it is seen when both are the same
        alternatives: dict[Clause, None] = {}
        for name, clause in found.items():
            seen = clause if tells_type(clause, name) else every((TypeClause(name), clause))
            alternatives |= dict.fromkeys(seen.clauses if isinstance(seen, AnyClause) else (seen,))
        return AnyClause(tuple(alternatives))


def refused(interaction: str, resource_type: str) -> FhirError:
    """Make the error of an interaction that is not allowed on a type."""
    letter = LETTERS[interaction]
    error = refuse(ErrorKind.FORBIDDEN, f"You may not do '{interaction}' on {resource_type}.")
    # the context of the scope depends on who asks for it; "user" stands for whichever it is
    error.challenge = f'Bearer error="insufficient_scope", scope="user/{resource_type}.{letter}"'
    return error


def _shared(clause: Clause) -> Clause:
    """Return the one object for what always or never holds."""
    if clause == EVERYTHING:
        return EVERYTHING
    return NOTHING if clause == NOTHING else clause
