"""Single-use ways to a new password: after a one-time password, or by a link that an administrator hands over.

The link is the second way in for somebody whose name is locked by other people's attempts: it needs no old password,
and nothing that can be guessed.
"""

from __future__ import annotations

import msgspec

from identity.access.errors import OAuthError, Refusal
from identity.access.grants.server import Server
from identity.access.store.records import Ticket, TicketKind, User, digest, new_secret

SECONDS = 600
"""How long somebody who has signed in may take to choose a password."""
LINK_SECONDS = 24 * 3600


class WayIn(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a ticket is.

    Attributes:
        user_id: who may choose a password.
        methods: how the person was recognised already; empty where nobody was.
    """

    user_id: str
    methods: tuple[str, ...] = ()


async def open_way_in(server: Server, user: User, methods: tuple[str, ...] = (), seconds: int = SECONDS) -> str:
    """Return the secret of a ticket that is good once for choosing a password, for so many *seconds*."""
    secret = new_secret()
    body = msgspec.json.encode(WayIn(user_id=user.user_id, methods=methods))
    until = server.clock() + seconds
    await server.store.keep_ticket(Ticket(kind=TicketKind.PASSWORD, digest=digest(secret), body=body, expires_at=until))
    return secret


async def link_for(server: Server, user: User) -> str:
    """Return a link to a page where whoever has it, and *user*'s second factor if there is one, chooses a password."""
    return f"{server.endpoint('password')}?ticket={await open_way_in(server, user, seconds=LINK_SECONDS)}"


async def way_in(server: Server, secret: str) -> tuple[WayIn, User]:
    """Return for whom the ticket is, without using it up.

    Raises:
        OAuthError: it was used, has expired, or never was.
    """
    ticket = await server.store.ticket(TicketKind.PASSWORD, digest(secret), server.clock())
    found = None if ticket is None else msgspec.json.decode(ticket.body, type=WayIn)
    user = None if found is None else await server.store.user(found.user_id)
    if found is None or user is None or not user.is_active:
        raise _used()
    return found, user


async def close_way_in(server: Server, secret: str) -> None:
    """Use the ticket up.

    Raises:
        OAuthError: somebody else has used it meanwhile.
    """
    _, good = await server.store.spend(TicketKind.PASSWORD, digest(secret), server.clock())
    if not good:
        raise _used()


def _used() -> OAuthError:
    return OAuthError(Refusal.INVALID_REQUEST, "the link was used, has expired or never was")
