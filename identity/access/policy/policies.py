"""What the roles and rules of one tenant allow, answered quickly.

Spec: https://csrc.nist.gov/pubs/sp/800/162/upd2/final
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from identity.access.policy.asked import Asked
from identity.access.policy.built_in import BUILT_IN, BuiltIn
from identity.access.policy.rules import Rules
from identity.access.scopes.permissions import Permissions
from identity.access.scopes.scope_set import read_scopes
from identity.access.store.records import Role, Rule

_REMEMBERED = 4096
_OF_KIND: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"system": ("system",), "device": ("system",), "person": ("patient",)}
)
"""The roles of subjects that carry none; a practitioner without a role may do nothing."""


@dataclass(frozen=True, slots=True)
class Given:
    """What roles give together.

    Attributes:
        permissions: what may be reached.
        labels: codes of security labels whose resources may be reached; ``*`` stands for all.
        breaks_glass: whether consents and labels may be passed over in an emergency.
        administers: whether what runs the store may be used.
        own: whether only the compartment of the person's own resource may be reached.
    """

    permissions: Permissions
    labels: frozenset[str]
    breaks_glass: bool
    administers: bool
    own: bool


class Policies:
    """Roles and rules of one tenant at one moment.

    Attributes:
        generation: of the roles and rules.
        roles: those there are, by their names.
    """

    def __init__(self, roles: Iterable[Role] = (), rules: Iterable[Rule] = (), generation: int = 0) -> None:
        """Compile *roles*, beside those that are built in, and *rules*.

        Raises:
            OAuthError: the scope of a role is not understood.
            RuleError: a rule is none.
        """
        self.generation = generation
        self.roles: Mapping[str, BuiltIn] = dict(BUILT_IN) | {role.name: read_role(role) for role in roles}
        self._rules = Rules(rules)
        self._given = lru_cache(maxsize=_REMEMBERED)(self._together)
        self._forbidding = lru_cache(maxsize=_REMEMBERED)(self._rules.forbidding)

    def given(self, roles: tuple[str, ...], subject_type: str, purpose: str | None = None) -> Given:
        """Return what *roles* give to a subject of this type for a purpose of use; unknown roles give nothing."""
        return self._given(roles or _OF_KIND.get(subject_type, ()), purpose)

    def forbidding(self, asked: Asked) -> str | None:
        """Return the name of the rule that forbids what is asked; None where none does."""
        return self._forbidding(asked) if self._rules else None

    def _together(self, names: tuple[str, ...], purpose: str | None) -> Given:
        known = (self.roles[name] for name in names if name in self.roles)
        usable = [role for role in known if not role.purposes or purpose in role.purposes]
        return Given(
            Permissions(scope for role in usable for scope in role.scopes),
            frozenset(label for role in usable for label in role.labels),
            breaks_glass=any(role.breaks_glass for role in usable),
            administers=any(role.administers for role in usable),
            own=bool(usable) and all(role.own for role in usable),
        )


def read_role(role: Role) -> BuiltIn:
    """Return *role* compiled.

    Raises:
        OAuthError: its scope is not understood (invalid_scope).
    """
    scopes = read_scopes(role.scope)
    return BuiltIn(
        role.description,
        scopes.resources,
        frozenset(role.purposes),
        frozenset(role.labels),
        breaks_glass=role.breaks_glass,
        administers=role.administers,
        own=role.own,
    )
