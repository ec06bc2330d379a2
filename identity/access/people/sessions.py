"""Sessions of people: a random secret in a cookie, its digest in the store."""

from __future__ import annotations

from hmac import compare_digest

import msgspec

from identity.access.grants.server import Server
from identity.access.people.signing_in import SignedIn
from identity.access.store.records import Ticket, TicketKind, User, digest, new_secret


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in.

    Attributes:
        user_id: who.
        auth_time: since when, seconds since 1970.
        methods: how the person was recognised.
    """

    user_id: str
    auth_time: float
    methods: tuple[str, ...]


async def start_session(server: Server, signed_in: SignedIn, before: str | None) -> str:
    """Return the secret of a new session; the one that the browser had *before* ends (no fixation)."""
    if before is not None:
        await end_session(server, before)
    secret = new_secret()
    now = server.clock()
    session = Session(user_id=signed_in.user.user_id, auth_time=now, methods=signed_in.methods)
    kept = Ticket(
        kind=TicketKind.SESSION,
        digest=digest(secret),
        body=msgspec.json.encode(session),
        expires_at=now + server.lifetimes.session,
    )
    await server.store.keep_ticket(kept)
    return secret


async def session_of(server: Server, secret: str | None) -> tuple[Session, User] | None:
    """Return the session of a cookie and its user, if both are still good."""
    if secret is None:
        return None
    ticket = await server.store.ticket(TicketKind.SESSION, digest(secret), server.clock())
    if ticket is None:
        return None
    session = msgspec.json.decode(ticket.body, type=Session)
    user = await server.store.user(session.user_id)
    return None if user is None or not user.lets(session.auth_time) else (session, user)


async def end_session(server: Server, secret: str) -> None:
    """Let the session end."""
    await server.store.drop_ticket(TicketKind.SESSION, digest(secret))


def form_token(server: Server, secret: str, purpose: str) -> str:
    """Return what a form carries to show that this server wrote it for this browser (against CSRF)."""
    return server.keyed_hash("form", f"{purpose}\0{secret}")


def is_form_token(server: Server, secret: str | None, purpose: str, token: str) -> bool:
    """Tell whether *token* is that of a form of this browser."""
    return secret is not None and compare_digest(form_token(server, secret, purpose).encode(), token.encode())
