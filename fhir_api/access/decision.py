"""Deciding what a caller may reach: scopes, roles, rules by attributes, labels and consents, joined.

Each part narrows what the others leave. What comes out is one clause for an interaction on a type: a resource may be
reached if it holds.

Spec: https://hl7.org/fhir/R4/security.html#access-control
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import NamedTuple, Protocol

from fhir_api.access.caller import Caller
from fhir_api.access.clauses import every, some
from fhir_api.access.compartments import within
from fhir_api.access.labels import unlabelled
from fhir_api.access.policy import Policy, Rights, ScopesAlone
from fhir_api.model.errors import FhirError
from fhir_api.search.clauses import ClauseReader
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.matching import is_of_hierarchy
from fhir_api.search.query import EVERYTHING, NOTHING, AllClause, AnyClause, Clause, NotClause, ValueClause
from fhir_api.search.query import ChainClause as Chain
from fhir_api.search.query import HasClause as Has
from fhir_api.search.types.reading import Reading
from identity.access.scopes.permissions import LETTERS, Alternative, Permissions
from identity.access.scopes.permissions import Decision as ScopeDecision
from identity.access.scopes.resource_scope import Constraint, Context

_OF_CURRENT = ("read", "search-type")


class Consents(Protocol):
    """The consents that are in force in a tenant."""

    def narrowing(self, caller: Caller, resource_type: str) -> Clause:
        """Return what holds for the resources of a type that no consent withholds from *caller*."""


class NoConsents:
    """A tenant without consents."""

    def narrowing(self, caller: Caller, resource_type: str) -> Clause:
        """Withhold nothing."""
        return EVERYTHING


class Reason(NamedTuple):
    """What one part of the rules said.

    Attributes:
        part: ``scopes | roles | rules | compartment | labels | consents | emergency | access``.
        effect: ``allows | narrows | refuses | nothing``.
        detail: for a person.
    """

    part: str
    effect: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What may be reached by an interaction on a type.

    Attributes:
        clause: what has to hold for a resource; ``NOTHING`` where the interaction is not allowed at all.
        reasons: what led to it, in the order in which it was asked.
    """

    clause: Clause
    reasons: tuple[Reason, ...]

    @property
    def is_allowed(self) -> bool:
        """Whether anything may be reached."""
        return self.clause != NOTHING


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What decisions of one tenant are made by.

    Attributes:
        definitions: the search parameters.
        policy: the tenant's roles and rules.
        consents: what patients withhold.
        labels: codes that need a right, by the types that have resources with them; None where that is not known.
        zone: of dates without one.
    """

    definitions: SearchDefinitions
    policy: Policy = field(default_factory=ScopesAlone)
    consents: Consents = field(default_factory=NoConsents)
    labels: Mapping[str, frozenset[str]] | None = None
    zone: tzinfo = UTC

    def decide(self, caller: Caller, interaction: str, resource_type: str) -> Decision:
        """Return what *caller* may reach by an interaction, one of ``LETTERS``, on a type."""
        if caller.permissions is None:
            return Decision(EVERYTHING, (Reason("access", "allows", "nothing limits this caller"),))
        parts = tuple(self._parts(caller, caller.permissions, interaction, resource_type))
        return Decision(every(clause for _, clause in parts), tuple(reason for reason, _ in parts))

    def _parts(
        self, caller: Caller, permissions: Permissions, interaction: str, resource_type: str
    ) -> Iterator[tuple[Reason, Clause]]:
        rights, letter = self.policy.rights(caller), LETTERS[interaction]
        scoped = permissions.decide(resource_type, interaction)
        yield _told("scopes", self._reached(scoped, resource_type, letter), f"{resource_type}.{letter}")
        if rights.permissions is not None:
            held = rights.permissions.decide(resource_type, interaction)
            yield _told("roles", self._reached(held, resource_type, letter), ", ".join(caller.roles) or "no role")
        verdict = self.policy.permits(caller, interaction, resource_type)
        yield _told("rules", EVERYTHING if verdict.allows else NOTHING, verdict.rule)
        if rights.compartment is not None:
            inside = within(self.definitions, *rights.compartment, resource_type, letter)
            yield _told("compartment", inside, rights.compartment[0])
        if caller.emergency is not None and rights.breaks_glass:
            yield Reason("emergency", "allows", "labels and consents are passed over"), EVERYTHING
            return
        yield _told(
            "labels", self._labels(caller, rights, resource_type, interaction), ", ".join(sorted(rights.labels))
        )
        if caller.is_installation:
            # a consent is about who is told of a record; whoever keeps it would else keep it twice
            yield Reason("consents", "allows", "the installation itself, which keeps the records"), EVERYTHING
            return
        yield _told("consents", self.consents.narrowing(caller, resource_type), "")

    def _labels(self, caller: Caller, rights: Rights, resource_type: str, interaction: str) -> Clause:
        # patients see all of their own record
        if caller.patient is not None and caller.fhir_user == f"Patient/{caller.patient}":
            return EVERYTHING
        # what is superseded, or comes to be, may bear labels that nothing current has
        if self.labels is None or interaction not in _OF_CURRENT:
            return unlabelled(self.definitions, resource_type, rights.labels)
        return unlabelled(self.definitions, resource_type, rights.labels, self.labels.get(resource_type, ()))

    def _reached(self, scoped: ScopeDecision, resource_type: str, letter: str) -> Clause:
        return some(self._alternative(each, scoped.patient, resource_type, letter) for each in scoped.alternatives)

    def _alternative(self, alternative: Alternative, patient: str | None, resource_type: str, letter: str) -> Clause:
        inside: Clause = EVERYTHING
        if alternative.context is Context.PATIENT:
            inside = NOTHING if patient is None else within(self.definitions, "Patient", patient, resource_type, letter)
        return every((inside, *self._constrained(alternative.constraints, resource_type)))

    def _constrained(self, constraints: Iterable[Constraint], resource_type: str) -> Iterator[Clause]:
        """Yield what constraints of a scope ask for; nothing fulfils one that cannot be asked of a single resource."""
        for each in sorted(constraints, key=lambda one: one.name):
            reader = ClauseReader(self.definitions, Reading(self.zone))
            try:
                clauses = reader.clauses((resource_type,), each.name, ",".join(sorted(each.values)))
            except FhirError:
                yield NOTHING
                return
            yield from (clause if is_decidable(clause) else NOTHING for clause in clauses)


def is_decidable(clause: Clause) -> bool:
    """Tell whether a clause can be decided by a resource alone."""
    match clause:
        case Chain() | Has():
            return False
        case ValueClause():
            return not is_of_hierarchy(clause)
        case AnyClause(clauses) | AllClause(clauses):
            return all(is_decidable(each) for each in clauses)
        case NotClause(inner):
            return is_decidable(inner)
        case _:
            return True


def _told(part: str, clause: Clause, detail: str) -> tuple[Reason, Clause]:
    effect = {EVERYTHING: "allows", NOTHING: "refuses"}.get(clause, "narrows")
    return Reason(part, effect, detail), clause
