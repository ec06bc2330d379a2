"""What a tenant's own rules say beside the scopes of a token: roles, rights to labels, rules by attributes.

Spec: https://hl7.org/fhir/R4/security.html#binding
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from fhir_api.access.caller import Caller
from identity.access.scopes.permissions import Permissions

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


class ScopesAlone:
    """What a token's scopes say is all there is."""

    generation = 0

    def rights(self, caller: Caller) -> Rights:
        """Give what the scopes give, and no right to labels."""
        return Rights()

    def permits(self, caller: Caller, interaction: str, resource_type: str) -> Verdict:
        """Say nothing against it."""
        return Verdict(allows=True)
