"""What a tenant's own rules say beside the scopes of a token: roles, rights to labels, rules by attributes.

Spec: https://hl7.org/fhir/R4/security.html#binding
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from fhir_api.access.caller import Caller
from identity.access.scopes.permissions import Permissions, compile_scope

ANY_LABEL = "*"
"""Stands for every label."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What the roles of a caller give.

    Attributes:
        permissions: what may be reached at most; None where roles say nothing of it.
        labels: codes of security labels whose resources may be reached, or :data:`ANY_LABEL`.
        breaks_glass: whether consents and labels may be passed over in an emergency.
        compartment: the one whose resources may be reached only, such as ``("Practitioner", "1")``; None for any.
        administers: whether what runs the store may be used: rebuilding its index, packages.
    """

    permissions: Permissions | None = None
    labels: frozenset[str] = frozenset()
    breaks_glass: bool = False
    compartment: tuple[str, str] | None = None
    administers: bool = False


class Verdict(NamedTuple):
    """What rules by attributes say.

    Attributes:
        allows: whether the interaction may be.
        rule: the name of the rule that decided; empty where none had to.
    """

    allows: bool
    rule: str = ""


class Policy(Protocol):
    """A tenant's rules, at hand without waiting."""

    @property
    def generation(self) -> int:
        """Another number whenever a rule has changed."""

    def rights(self, caller: Caller) -> Rights:
        """Return what the caller's roles give."""

    def permits(self, caller: Caller, interaction: str, resource_type: str) -> Verdict:
        """Return what rules by attributes say of an interaction on a type."""


@dataclass(frozen=True, slots=True)
class Role:
    """What people or systems of one kind may do.

    Attributes:
        scope: what may be reached, in the notation of scopes for resources.
        purposes: codes of purposes of use for which it may be; empty for any.
        labels, breaks_glass, administers: see :class:`Rights`.
        own: only resources in the compartment of the caller's own resource may be reached.
    """

    scope: str
    purposes: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    breaks_glass: bool = False
    administers: bool = False
    own: bool = False


class RolePolicy:
    """Rules that are roles only."""

    def __init__(self, roles: Mapping[str, Role], generation: int = 0) -> None:
        """Decide by *roles*, by their names."""
        self._roles = roles
        self._generation = generation

    @property
    def generation(self) -> int:
        """What was given."""
        return self._generation

    def rights(self, caller: Caller) -> Rights:
        """Return what the caller's roles give together.

        Whoever has no role gets what the scopes of the token say, but for practitioners: they get nothing.
        """
        held = [self._roles[name] for name in caller.roles if name in self._roles]
        if not caller.roles and caller.subject_type != "practitioner":
            return Rights()
        held = [role for role in held if not role.purposes or caller.purpose in role.purposes]
        scope = " ".join(role.scope for role in held)
        own = bool(held) and all(role.own for role in held)
        return Rights(
            compile_scope(scope, caller.patient),
            frozenset(label for role in held for label in role.labels),
            breaks_glass=any(role.breaks_glass for role in held),
            compartment=_own(caller) if own else None,
            administers=any(role.administers for role in held),
        )

    def permits(self, caller: Caller, interaction: str, resource_type: str) -> Verdict:
        """Say nothing against it."""
        return Verdict(allows=True)


def _own(caller: Caller) -> tuple[str, str]:
    """Return the compartment of the caller's own resource; one that nothing is in where there is no such resource."""
    centre, _, logical_id = (caller.fhir_user or "").partition("/")
    return (centre, logical_id) if logical_id else ("Patient", "")


class ScopesAlone:
    """What a token's scopes say is all there is."""

    generation = 0

    def rights(self, caller: Caller) -> Rights:
        """Give what the scopes give, and no right to labels."""
        return Rights()

    def permits(self, caller: Caller, interaction: str, resource_type: str) -> Verdict:
        """Say nothing against it."""
        return Verdict(allows=True)
