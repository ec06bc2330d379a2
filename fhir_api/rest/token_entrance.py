"""The entrance of a server with access control: whoever shows a good access token is let in.

A token that was seen before, with the same headers and under the same rules, is looked up.

Spec: https://datatracker.ietf.org/doc/html/rfc6750, https://datatracker.ietf.org/doc/html/rfc9449#section-7
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

from fhir_api.access.access import Access
from fhir_api.access.caller import Caller
from fhir_api.access.decision import Rulebook
from fhir_api.access.emergency import ask_for_review, not_permitted, read_reason
from fhir_api.access.guarded import guarded
from fhir_api.access.register import InForce, Register
from fhir_api.access.tenant_policy import TenantPolicy
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.rest.contexts import Contexts
from fhir_api.rest.entrance import Admitted, Head, Outcome
from fhir_api.rest.request import Pair, Request
from identity.access.grants.showing import BEARER, RefusedError, Shown, verified
from identity.access.hosting.addresses import DEFAULT_TENANT
from identity.access.hosting.authority import Authority
from identity.access.policy.policies import Policies
from identity.access.scopes.permissions import Permissions
from identity.access.tokens.verifier import Verified

TenantContexts = Callable[[int], Contexts | None]
"""Gives the contexts of a tenant; None where there is no such tenant."""

PURPOSE: Final = b"x-purpose-of-use"
BREAK_GLASS: Final = b"x-break-glass"

_PUBLIC: Final = ("metadata",)
_REMEMBERED: Final = 4096
_MOST_TENANTS: Final = 64
_PURPOSE_CODE: Final = re.compile(rb"[A-Z][A-Za-z-]{1,30}")
_NOBODY: Final = Permissions(())


_SHOWN: Final = (b"authorization", b"host", PURPOSE, BREAK_GLASS)
_Seen = tuple[int | bytes | None, ...]
"""What a request shows: the tenant of the URL, and these headers."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Somebody who was let in before, by what was in force then."""

    verified: Verified
    contexts: Contexts
    policies: Policies
    in_force: InForce
    admitted: Admitted


class TokenEntrance:
    """Lets in who shows a token of the installation's own authorization servers."""

    def __init__(self, contexts_of: TenantContexts, authority: Authority) -> None:
        """Give callers whom *authority* knows what they may reach of the contexts of their tenant."""
        self._contexts_of = contexts_of
        self._authority = authority
        self._registers: dict[int, tuple[Contexts, Register]] = {}
        self._known: OrderedDict[_Seen, _Known] = OrderedDict()

    async def admit(self, head: Head) -> Admitted:
        """Return what the caller may work with.

        Raises:
            FhirError: UNAUTHORIZED: there is no good token; FORBIDDEN: it is for another tenant, or breaks the glass
                without the right to; MALFORMED: a header or the URL is not as it should be.
        """
        if head.query:
            _refuse_token_in_url(head.query)
        if head.segments == _PUBLIC:
            return self._stranger(head)
        shown = await self._verified(head)
        tenant = shown.claims.identity.tenant
        headers = head.headers
        contexts = self._contexts(tenant)
        policies = await self._authority.policies(tenant, shown.claims.identity.policy_epoch)
        in_force = await self._register(tenant, contexts).in_force()
        key = (
            headers.get(b"authorization"),
            head.tenant,
            headers.get(b"host"),
            headers.get(PURPOSE),
            headers.get(BREAK_GLASS),
        )
        known = self._known.get(key)
        if (
            known is not None
            and known.verified is shown
            and known.contexts is contexts
            and known.policies is policies
            and known.in_force is in_force
        ):
            return known.admitted
        admitted = await self._let_in(head, shown, policies, in_force)
        self._known[key] = _Known(shown, contexts, policies, in_force, admitted)
        self._known.move_to_end(key)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return admitted

    async def left(self, admitted: Admitted | None, outcome: Outcome) -> None:
        """Look at consents and labels again when some may have been written."""
        if admitted is None or not _may_change_decisions(outcome.request):
            return
        known = self._registers.get(admitted.context.caller.tenant)
        if known is not None:
            known[1].forget()

    async def context_for(self, caller: Caller) -> Context:
        """Return what *caller*, whom this server knows by other means than a token, may work with in their tenant."""
        contexts = self._contexts(caller.tenant)
        policies = await self._authority.policies(caller.tenant)
        access = self._access(caller, policies, await self._register(caller.tenant, contexts).in_force())
        context = contexts.for_host(None)
        return structs.replace(context, store=guarded(context.store, access), caller=caller, access=access)

    def _stranger(self, head: Head) -> Admitted:
        """Let somebody in who may see nothing but what is for everybody."""
        context = self._context(head, head.tenant or DEFAULT_TENANT)
        caller = Caller(context.caller.tenant, subject_type="person", permissions=_NOBODY)
        access = Access(caller, Rulebook(context.rules.search))
        return Admitted(structs.replace(context, store=guarded(context.store, access), caller=caller, access=access))

    async def _let_in(self, head: Head, verified: Verified, policies: Policies, in_force: InForce) -> Admitted:
        tenant = verified.claims.identity.tenant
        context = self._context(head, tenant)
        caller = _caller(verified, head.headers.get(PURPOSE), head.headers.get(BREAK_GLASS))
        access = self._access(caller, policies, in_force)
        if caller.emergency is not None:
            if not access.rules.policy.rights(caller).breaks_glass:
                raise not_permitted()
            await ask_for_review(context.store, context.rules.extract, caller)
        return Admitted(structs.replace(context, store=guarded(context.store, access), caller=caller, access=access))

    def _access(self, caller: Caller, policies: Policies, in_force: InForce) -> Access:
        rules = self._contexts(caller.tenant).for_host(None).rules
        return Access(
            caller, Rulebook(rules.search, TenantPolicy(policies), in_force.consents, in_force.labels, rules.zone)
        )

    def _register(self, tenant: int, contexts: Contexts) -> Register:
        known = self._registers.get(tenant)
        if known is not None and known[0] is contexts:
            return known[1]
        if len(self._registers) >= _MOST_TENANTS:
            del self._registers[next(iter(self._registers))]
        context = contexts.for_host(None)
        register = Register(context.store, context.rules.search, zone=context.rules.zone)
        self._registers[tenant] = (contexts, register)
        return register

    def _contexts(self, tenant: int) -> Contexts:
        """Return the contexts of the tenant of a token.

        Raises:
            FhirError: UNAUTHORIZED where there is none.
        """
        contexts = self._contexts_of(tenant)
        if contexts is None:
            raise _unauthorized("The access token is of a tenant that is not here.", f'{BEARER} error="invalid_token"')
        return contexts

    def _context(self, head: Head, tenant: int) -> Context:
        """Return the context of a request, without limits.

        Raises:
            FhirError: FORBIDDEN where the URL names another tenant.
        """
        if head.tenant is not None and head.tenant != tenant:
            raise refuse(ErrorKind.FORBIDDEN, "The access token is for another tenant than the URL names.")
        contexts = self._contexts_of(tenant)
        if contexts is None:
            raise refuse(ErrorKind.NOT_FOUND, "There is no such tenant.", code="not-supported")
        return contexts.for_host(head.headers.get(b"host"))

    async def _verified(self, head: Head) -> Verified:
        """Return what the token says that is shown.

        Raises:
            FhirError: UNAUTHORIZED.
        """
        try:
            return await verified(self._authority, _shown(head))
        except RefusedError as error:
            raise _unauthorized(str(error), error.challenge) from None


def _shown(head: Head) -> Shown:
    headers = head.headers
    return Shown(
        headers.get(b"authorization", b"").decode("latin-1"),
        headers.get(b"dpop", b"").decode("latin-1"),
        head.method,
        head.path,
        headers.get(b"host", b"").decode("latin-1"),
    )


def _caller(verified: Verified, purpose: bytes | None, emergency: bytes | None) -> Caller:
    if purpose is not None and not _PURPOSE_CODE.fullmatch(purpose):
        raise refuse(ErrorKind.MALFORMED, "X-Purpose-Of-Use is a code such as TREAT.", code="value")
    return replace(
        Caller.of(verified),
        purpose=None if purpose is None else purpose.decode(),
        emergency=None if emergency is None else read_reason(emergency.decode("utf-8", "replace")),
    )


def _may_change_decisions(request: Request | None) -> bool:
    """Tell whether a request may have written a Consent or a security label."""
    if request is None or request.method == "GET":
        return False
    return "Consent" in request.segments or b"Consent" in request.body or b"security" in request.body


def _refuse_token_in_url(query: Iterable[Pair]) -> None:
    """Refuse tokens in URLs, which end up in logs (RFC 6750, 5.3)."""
    if any(name == "access_token" for name, _ in query):
        error = refuse(ErrorKind.MALFORMED, "An access token is shown in the header Authorization, never in the URL.")
        error.challenge = f'{BEARER} error="invalid_request"'
        raise error


def _unauthorized(diagnostics: str, challenge: str) -> FhirError:
    error = refuse(ErrorKind.UNAUTHORIZED, diagnostics)
    error.challenge = challenge
    return error
