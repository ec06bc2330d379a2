"""Single-use ways to a new password: after a one-time password, or by a link that an administrator hands over.

The link is the second way in for somebody whose name is locked by other people's attempts: it needs no old password,
and nothing that can be guessed.
"""

from __future__ import annotations

import msgspec

from identity.access.errors import OAuthError, Refusal
from identity.access.grants.server import Server
from identity.access.people.signing_in import MOST_FAILURES, has_code
from identity.access.store.records import Ticket, TicketKind, User, digest, new_secret

SECONDS = 600
"""How long somebody who has signed in may take to choose a password."""
LINK_SECONDS = 24 * 3600


class WayIn(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a ticket is.

    Attributes:
        user_id: who may choose a password.
        methods: how the person was recognised already; empty where nobody was.
        opened_at: when it was made, seconds since 1970.
    """

    user_id: str
    methods: tuple[str, ...] = ()
    opened_at: float = 0

    def needs_code(self, user: User) -> bool:
        """Tell whether *user* has to show the second factor yet."""
        return not self.methods and user.totp_secret is not None


async def open_way_in(server: Server, user: User, methods: tuple[str, ...] = (), seconds: int = SECONDS) -> str:
    """Return the secret of a ticket that is good once for choosing a password, for so many *seconds*."""
    secret = new_secret()
    now = server.clock()
    body = msgspec.json.encode(WayIn(user_id=user.user_id, methods=methods, opened_at=now))
    kept = Ticket(kind=TicketKind.PASSWORD, digest=digest(secret), body=body, expires_at=now + seconds)
    await server.store.keep_ticket(kept)
    return secret


async def link_for(server: Server, user: User) -> str:
    """Return a link to a page where whoever has it, and *user*'s second factor if there is one, chooses a password."""
    return f"{server.endpoint('password')}?ticket={await open_way_in(server, user, seconds=LINK_SECONDS)}"


async def way_in(server: Server, secret: str) -> tuple[WayIn, User]:
    """Return for whom the ticket is, without using it up.

    Raises:
        OAuthError: it was used, has expired, or never was, or the person has another password or was signed out since.
    """
    ticket = await server.store.ticket(TicketKind.PASSWORD, digest(secret), server.clock())
    found = None if ticket is None else msgspec.json.decode(ticket.body, type=WayIn)
    user = None if found is None else await server.store.user(found.user_id)
    if found is None or user is None or not user.is_active or found.opened_at < user.valid_from:
        raise _used()
    return found, user


async def shows_code(server: Server, secret: str, user: User, code: str) -> bool:
    """Tell whether *code* is that of *user*'s authenticator; a ticket is good for so many attempts and no more."""
    # Counted first, as in signing in.
    attempts = await server.store.note_failure(server.keyed_hash("way in", secret), server.clock(), LINK_SECONDS)
    return attempts <= MOST_FAILURES and await has_code(server, user, code)


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
