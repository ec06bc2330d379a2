"""What a scope allows, compiled once: a decision is then one look into a table.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from identity.access.scopes.resource_scope import ANY_TYPE, Constraint, Context, ResourceScope
from identity.access.scopes.scope_set import read_scopes

LETTERS: Mapping[str, str] = MappingProxyType(
    {
        "create": "c",
        "read": "r",
        "vread": "r",
        "history-instance": "r",
        "update": "u",
        "patch": "u",
        "delete": "d",
        "search-type": "s",
        "history-type": "s",
    }
)
"""The letter of a scope that stands for each interaction (SMART 2.2, table of v2 scopes)."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way in which a resource may be reached.

    Attributes:
        context: ``patient`` narrows to the compartment of the patient in context; the others do not narrow by
            themselves.
        constraints: search parameters that the resource has to match, all of them.
    """

    context: Context
    constraints: frozenset[Constraint] = frozenset()

    def covers(self, other: Alternative) -> bool:
        """Tell whether all that *other* reaches is reached by this one."""
        return self.context == other.context and self.constraints <= other.constraints


@dataclass(frozen=True, slots=True)
class Decision:
    """What may be reached by one interaction on one type.

    Attributes:
        alternatives: a resource has to fit one of them; none means that nothing may be reached.
        patient: logical id of the patient whose compartment ``patient`` alternatives mean.
    """

    alternatives: tuple[Alternative, ...]
    patient: str | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether anything may be reached at all."""
        return bool(self.alternatives)

    @property
    def is_unrestricted(self) -> bool:
        """Whether the scopes narrow nothing: neither to a compartment nor by search parameters."""
        return any(each.context != Context.PATIENT and not each.constraints for each in self.alternatives)


class Permissions:
    """What a token's scopes allow.

    Attributes:
        patient: logical id of the patient in context.
    """

    __slots__ = ("_any_type", "_by_type", "_nothing", "patient")

    def __init__(self, scopes: Iterable[ResourceScope], patient: str | None = None) -> None:
        """Compile *scopes*; those of a patient allow nothing while no *patient* is in context."""
        usable = [each for each in sorted(scopes, key=str) if each.context != Context.PATIENT or patient is not None]
        self.patient = patient
        self._nothing = Decision((), patient)
        self._any_type = self._decisions(usable, ANY_TYPE)
        types = {each.resource_type for each in usable} - {ANY_TYPE}
        self._by_type = {name: self._decisions(usable, name) for name in types}

    def decide(self, resource_type: str, interaction: str) -> Decision:
        """Return what may be reached.

        Args:
            resource_type: a resource type of R4.
            interaction: a FHIR interaction on a type or resource, as in :data:`LETTERS`; any other is not allowed.
        """
        letter = LETTERS.get(interaction)
        if letter is None:
            return self._nothing
        return self._by_type.get(resource_type, self._any_type).get(letter, self._nothing)

    def _decisions(self, scopes: list[ResourceScope], resource_type: str) -> dict[str, Decision]:
        meant = [each for each in scopes if each.resource_type in (ANY_TYPE, resource_type)]
        return {
            letter: Decision(_alternatives(each for each in meant if letter in each.interactions), self.patient)
            for letter in "cruds"
            if any(letter in each.interactions for each in meant)
        }


def _alternatives(scopes: Iterable[ResourceScope]) -> tuple[Alternative, ...]:
    every = dict.fromkeys(Alternative(each.context, each.constraints) for each in scopes)
    return tuple(each for each in every if not any(other != each and other.covers(each) for other in every))


@lru_cache(maxsize=1024)
def compile_scope(scope: str, patient: str | None = None) -> Permissions:
    """Return what *scope* allows with *patient* in context; compiled once for each pair.

    Raises:
        OAuthError: a scope is not understood (invalid_scope).
    """
    return Permissions(read_scopes(scope).resources, patient)
