"""What the authorization server asks of a store. Each method is atomic, also between processes.

A store exists only for a tenant; nothing in it can be reached from the store of another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from identity.access.store.records import Client, Family, Ticket, TicketKind, User


class ClientStore(Protocol):
    """Registered applications."""

    async def keep_client(self, client: Client) -> None:
        """Add *client* or replace the one with its id."""

    async def client(self, client_id: str) -> Client | None:
        """Return the client with this id."""


class UserStore(Protocol):
    """People, their consents and their failed attempts to sign in."""

    async def keep_user(self, user: User) -> None:
        """Add *user* or replace the one with its id."""

    async def user(self, user_id: str) -> User | None:
        """Return the user with this id."""

    async def user_named(self, login_name: str) -> User | None:
        """Return the user who signs in under this name."""

    async def consent(self, user_id: str, client_id: str) -> str:
        """Return the scope that the user allowed the client before; empty when none."""

    async def keep_consent(self, user_id: str, client_id: str, scope: str) -> None:
        """Remember what the user allows the client, in place of what was allowed before."""

    async def note_failure(self, subject: str, now: float, forget_after: float) -> int:
        """Count a failure of *subject* and return how many there are.

        Counting starts anew when the last failure is more than *forget_after* seconds past.
        """

    async def failures(self, subject: str, now: float, forget_after: float) -> int:
        """Return how many failures of *subject* are counted."""

    async def forget_failures(self, subject: str) -> None:
        """Start counting anew."""


class TicketStore(Protocol):
    """Secrets that were handed out: codes, sessions, requests under way."""

    async def keep_ticket(self, ticket: Ticket) -> None:
        """Add *ticket* or replace the one of its kind and digest; a ticket that was spent stays spent."""

    async def ticket(self, kind: TicketKind, digest: str, now: float) -> Ticket | None:
        """Return the ticket, unless it is unknown, spent or expired."""

    async def spend(self, kind: TicketKind, digest: str, now: float) -> tuple[Ticket | None, bool]:
        """Use the ticket up: once only, whoever asks at the same time.

        Returns:
            The ticket and True when it was good; the ticket and False when it was spent before (or has expired);
            None and False when it is unknown.
        """

    async def drop_ticket(self, kind: TicketKind, digest: str) -> None:
        """Forget the ticket."""


class GrantStore(Protocol):
    """Grants that go on: refresh-token families, tokens used once, revocations."""

    async def start_family(self, family: Family) -> None:
        """Keep a new family."""

    async def rotate(self, grant_id: str, old: str, new: str, now: float) -> tuple[Family | None, bool]:
        """Put the digest *new* in place of *old*.

        Returns:
            The family as it was and True when *old* was its newest token; the family and False when it was not (a token
            is used again): the family is dead from then on; None and False when there is no living family.
        """

    async def family(self, grant_id: str, now: float) -> Family | None:
        """Return the family, unless it is unknown, dead or expired."""

    async def end_family(self, grant_id: str) -> None:
        """Let the family die; all its refresh tokens are worthless."""

    async def first_use(self, owner: str, token_id: str, until: float, now: float) -> bool:
        """Tell whether *owner*'s *token_id* is met for the first time; it is remembered *until* then."""

    async def revoke(self, name: str, until: float) -> None:
        """Revoke the token or grant with this id; nobody needs to know of it after *until*."""

    async def revoked(self, now: float) -> Sequence[tuple[str, float]]:
        """Return what is revoked and until when that matters."""

    async def tidy(self, now: float) -> int:
        """Remove what has expired and return how much that was."""


class AccessStore(ClientStore, UserStore, TicketStore, GrantStore, Protocol):
    """All of it, for one tenant."""


class AccessStores(Protocol):
    """Gives the store of a tenant."""

    def for_tenant(self, tenant: int) -> AccessStore:
        """Return the store of the tenant with this number."""
