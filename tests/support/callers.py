"""Callers and what they may reach, for tests."""

from __future__ import annotations

from typing import Any

from fhir_api.access.access import Access
from fhir_api.access.caller import Caller
from fhir_api.access.decision import Rulebook
from fhir_api.access.guarded import GuardedStore
from fhir_api.access.policy import ANY_LABEL, Policy, Rights, ScopesAlone, Verdict
from fhir_api.store.port import TenantStore
from identity.access.scopes.permissions import Permissions, compile_scope
from tests.support.stores import DEFINITIONS


class EveryLabel:
    """A policy that leaves everything to scopes, labels too."""

    generation = 0

    def rights(self, caller: Caller) -> Rights:
        return Rights(labels=frozenset({ANY_LABEL}))

    def permits(self, caller: Caller, interaction: str, resource_type: str) -> Verdict:
        return Verdict(allows=True)


def access(
    scope: str | Permissions, patient: str | None = None, *, policy: Policy | None = None, **about: Any
) -> Access:
    """Return what a caller with *scope* may reach; *about* are attributes of the caller."""
    permissions = compile_scope(scope, patient) if isinstance(scope, str) else scope
    caller = Caller(1, subject="s", client_id="app", permissions=permissions, **about)
    rules = Rulebook(DEFINITIONS, policy or ScopesAlone())
    return Access(caller, rules)


def as_seen(store: TenantStore, scope: str | Permissions, patient: str | None = None, **about: Any) -> GuardedStore:
    """Return *store* as a caller with *scope* sees it."""
    return GuardedStore(store, access(scope, patient, **about))
