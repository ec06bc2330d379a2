"""Roles and rules: kept, shown, taken away. Each change reaches every process within seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from identity.access.administration.errors import AdministrationError, UnknownError
from identity.access.administration.shown import KnownRole, KnownRule, RoleText, RuleText
from identity.access.errors import OAuthError
from identity.access.grants.server import Server
from identity.access.policy.built_in import BUILT_IN
from identity.access.policy.policies import read_role
from identity.access.policy.rules import RuleError, check_rule
from identity.access.store.records import Rule

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
OWNER = "owner"


class Roles:
    """The roles and rules of one tenant."""

    def __init__(self, server: Server) -> None:
        """Look after those of *server*."""
        self._store = server.store

    async def every(self) -> Sequence[KnownRole]:
        """Return all roles, by name; those of the tenant's own in place of built-in ones with the same names."""
        own = {role.name: read_role(role) for role in await self._store.roles()}
        known = dict(BUILT_IN) | own
        return [KnownRole.of(name, known[name], is_built_in=name not in own) for name in sorted(known)]

    async def keep(self, name: str, role: RoleText) -> KnownRole:
        """Add a role, or put it in place of the one with its name.

        Raises:
            AdministrationError: name or scope cannot be.
        """
        _check_name(name)
        if name == OWNER:
            raise AdministrationError("The role owner is that of the data folder's key and cannot be changed.")
        record = KnownRole.record(name, role)
        try:
            compiled = read_role(record)
        except OAuthError as error:
            raise AdministrationError(f"scope: {error.description}.") from None
        await self._store.keep_role(record)
        return KnownRole.of(name, compiled, is_built_in=False)

    async def drop(self, name: str) -> None:
        """Take a role away; one that is built in is as it was again.

        Raises:
            UnknownError: the tenant has no role of its own with this name.
        """
        if "\0" in name or not await self._store.drop_role(name):
            raise UnknownError("The tenant has no role of its own with this name.")

    async def rules(self) -> Sequence[KnownRule]:
        """Return all rules, by name."""
        return [_shown(rule) for rule in await self._store.rules()]

    async def keep_rule(self, name: str, rule: RuleText) -> KnownRule:
        """Add a rule, or put it in place of the one with its name.

        Raises:
            AdministrationError: the name cannot be, or the text is no rule.
        """
        _check_name(name)
        try:
            check_rule(rule.text)
        except RuleError as error:
            raise AdministrationError(f"text: {error}.") from None
        kept = Rule(name=name, text=rule.text, description=rule.description)
        await self._store.keep_rule(kept)
        return _shown(kept)

    async def drop_rule(self, name: str) -> None:
        """Take a rule away.

        Raises:
            UnknownError: there is none with this name.
        """
        if "\0" in name or not await self._store.drop_rule(name):
            raise UnknownError("There is no rule with this name.")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise AdministrationError("A name begins with a small letter and has small letters, digits, '-' and '_'.")


def _shown(rule: Rule) -> KnownRule:
    return KnownRule(name=rule.name, text=rule.text, description=rule.description)
