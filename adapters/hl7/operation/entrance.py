"""The entrance to the operation of interfaces: who comes in, by a token, by a session of a browser, or anybody."""

from __future__ import annotations

from typing import Protocol

from fastapi import Request
from stanforis.audit import Who

from adapters.hl7.operation.rights import CHANGING, EVERYTHING, Operator, Right, rights_of
from identity.access.administration.callers import NotAllowedError, verified_caller
from identity.access.grants.server import Server
from identity.access.grants.showing import Verifies
from identity.access.people.sessions import session_of
from identity.access.scopes.scope_set import HL7_READ, HL7_WRITE, read_scopes
from identity.access.store.records import new_secret
from identity.access.web.cookies import browser_cookie, session_cookie

__all__ = ["Entrance", "NotAllowedError", "OpenEntrance", "SessionEntrance", "TokenEntrance"]

_FOREIGN = frozenset({"cross-site", "same-site"})


class Entrance(Protocol):
    """Decides who comes in."""

    async def admit(self, request: Request, right: Right) -> Operator:
        """Return who asks.

        Raises:
            NotAllowedError: nobody is known (401), or they have not this right (403).
        """
        ...


class TokenEntrance:
    """Programs come in with an access token: its scope has to allow it, and a role of its subject."""

    def __init__(self, server: Server, verifies: Verifies) -> None:
        """Let in whose tokens of *server* are good."""
        self._server = server
        self._verifies = verifies

    async def admit(self, request: Request, right: Right) -> Operator:
        """Return who asks; see :class:`Entrance`."""
        claims = (await verified_caller(self._verifies, request)).claims
        needed = HL7_WRITE if right in CHANGING else HL7_READ
        if not read_scopes(claims.scope).named & {needed, HL7_WRITE}:
            challenge = f'Bearer error="insufficient_scope", scope="{needed}"'
            raise NotAllowedError(403, f"The scope {needed} is needed.", challenge)
        identity = claims.identity
        who = Who(identity.subject, identity.subject_type, claims.client_id, claims.fhir_user or "", identity.roles)
        if identity.tenant != self._server.tenant:
            raise NotAllowedError(403, "The token is for another tenant.")
        return _allowed(Operator(who, rights_of(identity.roles)), right)


class SessionEntrance:
    """People come in with the session of their browser."""

    def __init__(self, server: Server) -> None:
        """Let in who signed in at *server*."""
        self._server = server

    async def admit(self, request: Request, right: Right) -> Operator:
        """Return who asks; see :class:`Entrance`."""
        _refuse_foreign(request, right)
        secret = session_cookie(request)
        found = await session_of(self._server, secret)
        if found is None or secret is None:
            raise NotAllowedError(401, "Nobody is signed in.")
        user = found[1]
        who = Who(self._server.hashed_subject(user), user.subject_type, "", user.fhir_user, user.roles)
        return _allowed(Operator(who, rights_of(user.roles), user.name or user.login_name, secret), right)


class OpenEntrance:
    """Everybody comes in: for development."""

    async def admit(self, request: Request, right: Right) -> Operator:
        """Return who asks; see :class:`Entrance`."""
        _refuse_foreign(request, right)
        return Operator(Who(), EVERYTHING, secret=browser_cookie(request) or new_secret())


def _refuse_foreign(request: Request, right: Right) -> None:
    """Refuse what another site's page sends in somebody's name.

    Raises:
        NotAllowedError: the browser says that another site asks for a change.
    """
    if right in CHANGING and request.headers.get("sec-fetch-site") in _FOREIGN:
        raise NotAllowedError(403, "Another site may not ask for this.")


def _allowed(operator: Operator, right: Right) -> Operator:
    if not operator.may(right):
        raise NotAllowedError(403, f"The right to {right.value} messages is not among those of your roles.")
    return operator
