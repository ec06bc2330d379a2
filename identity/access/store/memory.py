"""The store in memory: for tests, and the shortest account of what a store does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from identity.access.store.port import Changes
from identity.access.store.records import Client, Family, Passkey, Role, Rule, Ticket, TicketKind, User

Key = TypeVar("Key")
Kept = TypeVar("Kept")


class MemoryAccessStores:
    """Stores of all tenants, each apart."""

    def __init__(self) -> None:
        """Start empty."""
        self._stores: defaultdict[int, MemoryAccessStore] = defaultdict(MemoryAccessStore)

    async def changes(self, now: float) -> Changes:
        """See the port."""
        revoked = [each for store in self._stores.values() for each in await store.revoked(now)]
        return Changes(revoked, {tenant: await store.generation() for tenant, store in self._stores.items()})

    def for_tenant(self, tenant: int) -> MemoryAccessStore:
        """Return the store of the tenant with this number."""
        return self._stores[tenant]


class MemoryAccessStore:
    """What one tenant's authorization server keeps. No method waits, so each is atomic."""

    def __init__(self) -> None:
        """Start empty."""
        self._clients: dict[str, Client] = {}
        self._users: dict[str, User] = {}
        self._consents: dict[tuple[str, str], str] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._tickets: dict[tuple[TicketKind, str], Ticket] = {}
        self._spent: set[tuple[TicketKind, str]] = set()
        self._families: dict[str, Family] = {}
        self._used: dict[tuple[str, str], float] = {}
        self._revoked: dict[str, float] = {}
        self._roles: dict[str, Role] = {}
        self._rules: dict[str, Rule] = {}
        self._generation = 0
        self._passkeys: dict[str, Passkey] = {}

    async def keep_client(self, client: Client) -> None:
        """See the port."""
        self._clients[client.client_id] = client

    async def client(self, client_id: str) -> Client | None:
        """See the port."""
        return self._clients.get(client_id)

    async def clients(self, after: str, most: int) -> Sequence[Client]:
        """See the port."""
        return [self._clients[name] for name in sorted(self._clients) if name > after][:most]

    async def keep_user(self, user: User) -> None:
        """See the port."""
        self._users[user.user_id] = user

    async def change_user(self, user_id: str, changes: Mapping[str, Any], password_hash: str = "") -> User | None:
        """See the port."""
        user = self._users.get(user_id)
        if user is None or password_hash not in ("", user.password_hash):
            return None
        changed = self._users[user_id] = replace(user, **changes)
        return changed

    async def user(self, user_id: str) -> User | None:
        """See the port."""
        return self._users.get(user_id)

    async def user_named(self, login_name: str) -> User | None:
        """See the port."""
        return next((user for user in self._users.values() if user.login_name == login_name), None)

    async def keep_first_user(self, user: User) -> bool:
        """See the port."""
        if self._users:
            return False
        await self.keep_user(user)
        return True

    async def users(self, after: str, most: int) -> Sequence[User]:
        """See the port."""
        return [self._users[name] for name in sorted(self._users) if name > after][:most]

    async def consent(self, user_id: str, client_id: str) -> str:
        """See the port."""
        return self._consents.get((user_id, client_id), "")

    async def keep_consent(self, user_id: str, client_id: str, scope: str) -> None:
        """See the port."""
        self._consents[user_id, client_id] = scope

    async def note_failure(self, subject: str, now: float, forget_after: float) -> int:
        """See the port."""
        self._failures[subject] = (await self.failures(subject, now, forget_after) + 1, now)
        return self._failures[subject][0]

    async def failures(self, subject: str, now: float, forget_after: float) -> int:
        """See the port."""
        count, last = self._failures.get(subject, (0, now))
        return count if now - last <= forget_after else 0

    async def forget_failures(self, subject: str) -> None:
        """See the port."""
        self._failures.pop(subject, None)

    async def keep_ticket(self, ticket: Ticket) -> None:
        """See the port."""
        self._tickets[ticket.kind, ticket.digest] = ticket

    async def ticket(self, kind: TicketKind, digest: str, now: float) -> Ticket | None:
        """See the port."""
        found = self._tickets.get((kind, digest))
        return found if found is not None and now < found.expires_at and (kind, digest) not in self._spent else None

    async def spend(self, kind: TicketKind, digest: str, now: float) -> tuple[Ticket | None, bool]:
        """See the port."""
        good = await self.ticket(kind, digest, now) is not None
        found = self._tickets.get((kind, digest))
        if found is not None:
            self._spent.add((kind, digest))
        return found, good

    async def drop_ticket(self, kind: TicketKind, digest: str) -> None:
        """See the port."""
        self._tickets.pop((kind, digest), None)

    async def start_family(self, family: Family) -> None:
        """See the port."""
        self._families[family.grant_id] = family

    async def rotate(self, grant_id: str, old: str, new: str, now: float) -> tuple[Family | None, bool]:
        """See the port."""
        found = await self.family(grant_id, now)
        if found is None:
            return None, False
        if found.current != old:
            await self.end_family(grant_id)
            return found, False
        self._families[grant_id] = replace(found, current=new)
        return found, True

    async def family(self, grant_id: str, now: float) -> Family | None:
        """See the port."""
        found = self._families.get(grant_id)
        return found if found is not None and now < found.expires_at else None

    async def families(self, user_id: str, now: float, most: int) -> Sequence[Family]:
        """See the port."""
        living = (each for each in self._families.values() if now < each.expires_at)
        return [each for each in living if user_id in ("", each.user_id)][:most]

    async def end_family(self, grant_id: str) -> None:
        """See the port."""
        self._families.pop(grant_id, None)

    async def first_use(self, owner: str, token_id: str, until: float, now: float) -> bool:
        """See the port."""
        if self._used.get((owner, token_id), 0) > now:
            return False
        self._used[owner, token_id] = until
        return True

    async def revoke(self, name: str, until: float) -> None:
        """See the port."""
        self._revoked[name] = max(until, self._revoked.get(name, 0))

    async def revoked(self, now: float) -> Sequence[tuple[str, float]]:
        """See the port."""
        return [(name, until) for name, until in self._revoked.items() if until > now]

    async def keep_role(self, role: Role) -> None:
        """See the port."""
        self._roles[role.name] = role
        self._generation += 1

    async def roles(self) -> Sequence[Role]:
        """See the port."""
        return [self._roles[name] for name in sorted(self._roles)]

    async def drop_role(self, name: str) -> bool:
        """See the port."""
        self._generation += 1
        return self._roles.pop(name, None) is not None

    async def keep_rule(self, rule: Rule) -> None:
        """See the port."""
        self._rules[rule.name] = rule
        self._generation += 1

    async def rules(self) -> Sequence[Rule]:
        """See the port."""
        return [self._rules[name] for name in sorted(self._rules)]

    async def drop_rule(self, name: str) -> bool:
        """See the port."""
        self._generation += 1
        return self._rules.pop(name, None) is not None

    async def generation(self) -> int:
        """See the port."""
        return self._generation

    async def keep_passkey(self, passkey: Passkey) -> None:
        """See the port."""
        self._passkeys[passkey.credential_id] = passkey

    async def passkey(self, credential_id: str) -> Passkey | None:
        """See the port."""
        return self._passkeys.get(credential_id)

    async def passkeys(self, user_id: str) -> Sequence[Passkey]:
        """See the port."""
        return [each for _, each in sorted(self._passkeys.items()) if each.user_id == user_id]

    async def drop_passkey(self, credential_id: str) -> bool:
        """See the port."""
        return self._passkeys.pop(credential_id, None) is not None

    async def tidy(self, now: float) -> int:
        """See the port."""
        removed = _remove(self._tickets, lambda ticket: ticket.expires_at <= now)
        self._spent &= self._tickets.keys()
        removed += _remove(self._families, lambda family: family.expires_at <= now)
        removed += _remove(self._used, lambda until: until <= now)
        return removed + _remove(self._revoked, lambda until: until <= now)


def _remove(kept: dict[Key, Kept], is_over: Callable[[Kept], bool]) -> int:
    over = [key for key, value in kept.items() if is_over(value)]
    for key in over:
        del kept[key]
    return len(over)
