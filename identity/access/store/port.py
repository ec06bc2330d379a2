"""What the authorization server asks of a store. Each method is atomic, also between processes.

A store exists only for a tenant; nothing in it can be reached from the store of another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from identity.access.store.records import Client, Family, Passkey, Role, Rule, Ticket, TicketKind, User


class ClientStore(Protocol):
    """Registered applications."""

    async def keep_client(self, client: Client) -> None:
        """Add *client* or replace the one with its id."""

    async def client(self, client_id: str) -> Client | None:
        """Return the client with this id."""

    async def clients(self, after: str, most: int) -> Sequence[Client]:
        """Return up to *most* clients whose ids follow *after*, in their order."""


class UserStore(Protocol):
    """People, their consents and their failed attempts to sign in."""

    async def keep_user(self, user: User) -> None:
        """Add *user* or replace the one with its id."""

    async def change_user(self, user_id: str, changes: Mapping[str, Any], password_hash: str = "") -> User | None:
        """Change attributes of a user and leave the others as they are, whoever changes them at the same time.

        Args:
            user_id: whose.
            changes: attributes by name; neither ``user_id`` nor ``login_name``.
            password_hash: where it is given, the user is changed only while this is theirs.

        Returns:
            The user as they are then; None where there is none, or one with another password.
        """

    async def user(self, user_id: str) -> User | None:
        """Return the user with this id."""

    async def user_named(self, login_name: str) -> User | None:
        """Return the user who signs in under this name."""

    async def keep_first_user(self, user: User) -> bool:
        """Add *user* if there is none at all; tell whether it was."""

    async def users(self, after: str, most: int) -> Sequence[User]:
        """Return up to *most* users whose ids follow *after*, in their order."""

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

    async def families(self, user_id: str, now: float, most: int) -> Sequence[Family]:
        """Return up to *most* living families, those of the user with this id or, where it is empty, of everybody."""

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


class PolicyStore(Protocol):
    """Roles and rules."""

    async def keep_role(self, role: Role) -> None:
        """Add *role* or replace the one with its name."""

    async def roles(self) -> Sequence[Role]:
        """Return all roles, in the order of their names."""

    async def drop_role(self, name: str) -> bool:
        """Forget the role; tell whether there was one."""

    async def keep_rule(self, rule: Rule) -> None:
        """Add *rule* or replace the one with its name."""

    async def rules(self) -> Sequence[Rule]:
        """Return all rules, in the order of their names."""

    async def drop_rule(self, name: str) -> bool:
        """Forget the rule; tell whether there was one."""

    async def generation(self) -> int:
        """Return a number that grows with each change of a role or rule."""


class PasskeyStore(Protocol):
    """Public key credentials of people."""

    async def keep_passkey(self, passkey: Passkey) -> None:
        """Add *passkey* or replace the one with its id."""

    async def passkey(self, credential_id: str) -> Passkey | None:
        """Return the passkey with this id."""

    async def passkeys(self, user_id: str) -> Sequence[Passkey]:
        """Return the passkeys of a user."""

    async def drop_passkey(self, credential_id: str) -> bool:
        """Forget the passkey; tell whether there was one."""


class AccessStore(ClientStore, UserStore, TicketStore, GrantStore, PolicyStore, PasskeyStore, Protocol):
    """All of it, for one tenant."""


class Changes(NamedTuple):
    """What changed for tokens and decisions, of all tenants.

    Attributes:
        revoked: ids that are revoked, each with the time (seconds since 1970) until which it is remembered.
        generations: of the roles and rules of each tenant that has any.
    """

    revoked: Sequence[tuple[str, float]]
    generations: Mapping[int, int]


class AccessStores(Protocol):
    """Gives the store of a tenant."""

    async def changes(self, now: float) -> Changes:
        """Return what is revoked, and which roles and rules are in force, as it is *now*.

        Raises:
            UnavailableError: the store does not answer.
        """

    def for_tenant(self, tenant: int) -> AccessStore:
        """Return the store of the tenant with this number."""
