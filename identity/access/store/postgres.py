"""The store in PostgreSQL: each method is one call of a function of the schema ``access``, one round trip."""

from __future__ import annotations

import re
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from stanforis.storage.connection import Connection
from stanforis.storage.pool import Pool, PoolTimeoutError
from stanforis.tenancy.contexts import DIRECTORY, Contexts

from identity.access.errors import UnavailableError
from identity.access.store.port import Changes
from identity.access.store.records import Client, Family, Passkey, Role, Rule, Ticket, TicketKind, User
from identity.access.tokens.compact import decode, encode

Record = TypeVar("Record")
_UNREACHABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,
    OSError,
    PoolTimeoutError,
)
_GRANT_ID = re.compile(r"[A-Za-z0-9_-]{16}")
_HALVES = struct.Struct(">qi")
_CHANGES = (
    "SELECT x.* FROM (SELECT tenancy.enter($1) OFFSET 0) c CROSS JOIN LATERAL ("
    "SELECT r.tenant_id, r.name, r.until FROM access.revocation r WHERE r.until > $2 "
    "UNION ALL SELECT g.tenant_id, NULL, g.number::float8 FROM access.generation g OFFSET 0) x"
)
"""In the context of the installation: what is revoked, and without a name the number of each tenant's generation."""
_encode = msgspec.json.Encoder().encode


class PostgresAccessStores:
    """Stores of all tenants of one database."""

    def __init__(self, pool: Pool, contexts: Contexts) -> None:
        """Work with the connections of *pool*, whose role neither owns the tables nor bypasses row-level security."""
        self._pool = pool
        self._contexts = contexts

    async def changes(self, now: float) -> Changes:
        """See the port."""
        async with _reaching(self._pool) as connection:
            rows = await connection.fetch(_CHANGES, self._contexts.of(connection, DIRECTORY), now)
        revoked = [(name, until) for _, name, until in rows if name is not None]
        return Changes(revoked, {tenant: int(number) for tenant, name, number in rows if name is None})

    def for_tenant(self, tenant: int) -> PostgresAccessStore:
        """Return the store of the tenant with this number."""
        return PostgresAccessStore(self._pool, self._contexts, tenant)


class PostgresAccessStore:
    """What one tenant's authorization server keeps."""

    def __init__(self, pool: Pool, contexts: Contexts, tenant: int) -> None:
        """Work for *tenant*."""
        self._pool = pool
        self._contexts = contexts
        self._tenant = tenant

    async def keep_client(self, client: Client) -> None:
        """See the port."""
        await self._value("keep_client", client.client_id, _encode(client))

    async def client(self, client_id: str) -> Client | None:
        """See the port."""
        return _decoded(await self._value("find_client", client_id), Client)

    async def clients(self, after: str, most: int) -> Sequence[Client]:
        """See the port."""
        return _each(await self._rows("list_clients", after, most), Client)

    async def keep_user(self, user: User) -> None:
        """See the port."""
        await self._value("keep_account", user.user_id, user.login_name, _encode(user))

    async def change_user(self, user_id: str, changes: Mapping[str, Any], password_hash: str = "") -> User | None:
        """See the port."""
        told = _encode(changes).decode()
        return _decoded(await self._value("change_account", user_id, told, password_hash), User)

    async def user(self, user_id: str) -> User | None:
        """See the port."""
        return _decoded(await self._value("find_account", user_id), User)

    async def user_named(self, login_name: str) -> User | None:
        """See the port."""
        return _decoded(await self._value("find_account_named", login_name), User)

    async def keep_first_user(self, user: User) -> bool:
        """See the port."""
        is_first: bool = await self._value("keep_first_account", user.user_id, user.login_name, _encode(user))
        return is_first

    async def users(self, after: str, most: int) -> Sequence[User]:
        """See the port."""
        return _each(await self._rows("list_accounts", after, most), User)

    async def consent(self, user_id: str, client_id: str) -> str:
        """See the port."""
        return await self._value("find_consent", user_id, client_id) or ""

    async def keep_consent(self, user_id: str, client_id: str, scope: str) -> None:
        """See the port."""
        await self._value("keep_consent", user_id, client_id, scope)

    async def note_failure(self, subject: str, now: float, forget_after: float) -> int:
        """See the port."""
        count: int = await self._value("note_failure", subject, now, forget_after)
        return count

    async def failures(self, subject: str, now: float, forget_after: float) -> int:
        """See the port."""
        count: int = await self._value("count_failures", subject, now, forget_after)
        return count

    async def forget_failures(self, subject: str) -> None:
        """See the port."""
        await self._value("forget_failures", subject)

    async def keep_ticket(self, ticket: Ticket) -> None:
        """See the port."""
        await self._value("keep_ticket", ticket.kind.value, ticket.digest, ticket.body, ticket.expires_at)

    async def ticket(self, kind: TicketKind, digest: str, now: float) -> Ticket | None:
        """See the port."""
        rows = await self._rows("find_ticket", kind.value, digest, now)
        return _ticket(kind, digest, rows[0]) if rows else None

    async def spend(self, kind: TicketKind, digest: str, now: float) -> tuple[Ticket | None, bool]:
        """See the port."""
        rows = await self._rows("spend_ticket", kind.value, digest, now)
        return (_ticket(kind, digest, rows[0]), rows[0]["good"]) if rows else (None, False)

    async def drop_ticket(self, kind: TicketKind, digest: str) -> None:
        """See the port."""
        await self._value("drop_ticket", kind.value, digest)

    async def start_family(self, family: Family) -> None:
        """See the port."""
        await self._value(
            "start_family",
            *_halves(family.grant_id),
            family.client_id,
            family.user_id,
            _uuid(family.current),
            family.expires_at,
        )

    async def rotate(self, grant_id: str, old: str, new: str, now: float) -> tuple[Family | None, bool]:
        """See the port."""
        if not _is_grant_id(grant_id):
            return None, False
        rows = await self._rows("rotate_family", *_halves(grant_id), _uuid(old), _uuid(new), now)
        return (_family(rows[0]), rows[0]["current"] == _uuid(old)) if rows else (None, False)

    async def family(self, grant_id: str, now: float) -> Family | None:
        """See the port."""
        rows = await self._rows("find_family", *_halves(grant_id), now) if _is_grant_id(grant_id) else ()
        return _family(rows[0]) if rows else None

    async def families(self, user_id: str, now: float, most: int) -> Sequence[Family]:
        """See the port."""
        return [_family(row) for row in await self._rows("list_families", user_id, now, most)]

    async def end_family(self, grant_id: str) -> None:
        """See the port."""
        if _is_grant_id(grant_id):
            await self._value("end_family", *_halves(grant_id))

    async def first_use(self, owner: str, token_id: str, until: float, now: float) -> bool:
        """See the port."""
        is_first: bool = await self._value("first_use", owner, token_id, until, now)
        return is_first

    async def revoke(self, name: str, until: float) -> None:
        """See the port."""
        await self._value("revoke", name, until)

    async def revoked(self, now: float) -> Sequence[tuple[str, float]]:
        """See the port."""
        return [(row["id"], row["until_then"]) for row in await self._rows("revoked", now)]

    async def keep_role(self, role: Role) -> None:
        """See the port."""
        await self._value("keep_document", "role", role.name, "", _encode(role))

    async def roles(self) -> Sequence[Role]:
        """See the port."""
        return _each(await self._rows("list_documents", "role", ""), Role)

    async def drop_role(self, name: str) -> bool:
        """See the port."""
        return await self._drop("role", name)

    async def keep_rule(self, rule: Rule) -> None:
        """See the port."""
        await self._value("keep_document", "rule", rule.name, "", _encode(rule))

    async def rules(self) -> Sequence[Rule]:
        """See the port."""
        return _each(await self._rows("list_documents", "rule", ""), Rule)

    async def drop_rule(self, name: str) -> bool:
        """See the port."""
        return await self._drop("rule", name)

    async def generation(self) -> int:
        """See the port."""
        number: int = await self._value("generation")
        return number

    async def keep_passkey(self, passkey: Passkey) -> None:
        """See the port."""
        await self._value("keep_document", "passkey", passkey.credential_id, passkey.user_id, _encode(passkey))

    async def passkey(self, credential_id: str) -> Passkey | None:
        """See the port."""
        return _decoded(await self._value("find_document", "passkey", credential_id), Passkey)

    async def passkeys(self, user_id: str) -> Sequence[Passkey]:
        """See the port."""
        return _each(await self._rows("list_documents", "passkey", user_id), Passkey)

    async def drop_passkey(self, credential_id: str) -> bool:
        """See the port."""
        return await self._drop("passkey", credential_id)

    async def _drop(self, kind: str, name: str) -> bool:
        was_there: bool = await self._value("drop_document", kind, name)
        return was_there

    async def tidy(self, now: float) -> int:
        """See the port."""
        count: int = await self._value("tidy", now)
        return count

    async def _value(self, function: str, *arguments: Any) -> Any:
        rows = await self._rows(function, *arguments)
        return rows[0][0]

    async def _rows(self, function: str, *arguments: Any) -> list[asyncpg.Record]:
        async with _reaching(self._pool) as connection:
            context = await self._contexts.admitted(connection, self._tenant)
            return await connection.fetch(_call(function, len(arguments)), context, *arguments)


@asynccontextmanager
async def _reaching(pool: Pool) -> AsyncIterator[Connection]:
    """Lend a connection; that the database is away is told as the port says."""
    try:
        async with pool.acquire() as connection:
            yield connection
    except _UNREACHABLE as error:
        raise UnavailableError from error
    except asyncpg.InterfaceError as error:
        # The driver says the same of a connection that broke and of arguments that do not fit; those are our fault.
        if "closed" not in str(error):
            raise
        raise UnavailableError from error


def _call(function: str, arguments: int) -> str:
    marks = "".join(f", ${number}" for number in range(2, arguments + 2))
    return f"SELECT * FROM access.{function}(tenancy.enter($1){marks})"  # noqa: S608 - names are this module's, values are bound


def _decoded(body: bytes | None, kind: type[Record]) -> Record | None:
    return None if body is None else msgspec.json.decode(body, type=kind)


def _each(rows: Sequence[asyncpg.Record], kind: type[Record]) -> Sequence[Record]:
    return [msgspec.json.decode(row[0], type=kind) for row in rows]


def _ticket(kind: TicketKind, digest: str, row: asyncpg.Record) -> Ticket:
    return Ticket(kind=kind, digest=digest, body=row["content"], expires_at=row["until"])


def _family(row: asyncpg.Record) -> Family:
    return Family(
        grant_id=encode(_HALVES.pack(row["high"], row["low"])),
        client_id=row["client_id"],
        user_id=row["user_id"],
        current=encode(row["current"].bytes),
        expires_at=row["expires_at"],
    )


def _is_grant_id(text: str) -> bool:
    return _GRANT_ID.fullmatch(text) is not None


def _halves(grant_id: str) -> tuple[int, int]:
    """Return a grant's id as its two columns."""
    high, low = _HALVES.unpack(decode(grant_id))
    return high, low


def _uuid(short_digest: str) -> UUID:
    return UUID(bytes=decode(short_digest))
