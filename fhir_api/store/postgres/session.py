"""How a statement is told its tenant, and how the database's refusals become ours.

Every read is one statement in which the tenant's setting is fenced in front of the tables it guards; the function
:func:`fenced` is the only place that writes this fence. Other forms leak: see docs/decisions/0002-storage.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg
from stanforis.storage.connection import Connection
from stanforis.storage.pool import PoolTimeoutError

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.store.collisions import CollisionError

Fetch = Callable[..., Awaitable[list[asyncpg.Record]]]
"""Runs a statement for the tenant: ``fetch(statement, *arguments)``, arguments from ``$2`` on.

Rows may have a column more than the statement names, at their end: see :func:`numbered`.
"""
ContextOf = Callable[[Connection], Awaitable[str]]
"""Gives the signed context of a tenant for a connection: ``$1`` of every statement."""

TENANT = "split_part($1::text, '.', 1)::integer"
"""The tenant's number in the context ``$1``, for statements in a transaction whose context is in force already."""

_COLLISIONS = (asyncpg.SerializationError, asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError)
_UNREACHABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InternalClientError,
    ConnectionError,
    PoolTimeoutError,
)


_FENCE = (
    " FROM (SELECT split_part(set_config('stanforis.tenant', $1, true), '.', 1)::integer AS tenant OFFSET 0) c "
    "CROSS JOIN LATERAL ("
)


def fenced(columns: str, inner: str) -> str:
    """Return a statement that puts the signed context ``$1`` in force and then runs *inner* for its tenant.

    *inner* must use ``c.tenant`` and end in LIMIT, OFFSET 0 or an aggregate: then PostgreSQL cannot run it before the
    setting is in force.
    """
    return f"SELECT {columns}{_FENCE}{inner}) x"


def numbered(statement: str, arguments: int) -> str | None:
    """Return a fenced *statement* whose rows end in the value of one argument more than the *arguments* it has.

    None for a statement that is not fenced. So the rows of several runs in one go can be told apart.
    """
    before, fence, behind = statement.partition(_FENCE)
    return f"{before}, ${arguments + 2}::integer{fence}{behind}" if fence and before.startswith("SELECT ") else None


def planned(inner: str) -> str:
    """Return a statement that tells as JSON how PostgreSQL would carry out *inner* for the context ``$1``.

    *inner* uses ``c.tenant``. Nothing is read, so the context is not put in force.
    """
    return f"EXPLAIN (FORMAT JSON) SELECT FROM (SELECT {TENANT} AS tenant) c CROSS JOIN LATERAL ({inner}) x"


ENTER = "SELECT set_config('stanforis.tenant', $1, true)"
"""Puts a signed context in force for the rest of a transaction. It is an argument: a statement's text can be seen by
whoever works as the same role."""


class translated:  # noqa: N801 - reads as a word of the with statement
    """Turns what the driver raises inside a ``with`` into :class:`FhirError` or :class:`CollisionError`."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise what *error* means; an error of ours, or none, is left alone."""
        if isinstance(error, Exception):
            _raise_meaning(error)


def _raise_meaning(error: Exception) -> None:
    if isinstance(error, _COLLISIONS):
        raise CollisionError from error
    if isinstance(error, asyncpg.InsufficientPrivilegeError) and "only_writers" in str(error):
        raise refuse(ErrorKind.FORBIDDEN, "This tenant is suspended: it can be read and exported only.") from error
    if isinstance(error, asyncpg.QueryCanceledError):
        raise _too_costly() from error
    # the driver says the same of a connection that broke and of arguments that do not fit; those are our fault
    is_closed = isinstance(error, asyncpg.InterfaceError) and "closed" in str(error)
    # PostgreSQL has no code of its own for a disk that takes no writes, but that of a missing right
    is_read_only = isinstance(error, asyncpg.InsufficientPrivilegeError) and "Read-only file system" in str(error)
    if is_closed or is_read_only or isinstance(error, _UNREACHABLE):
        raise unavailable() from error


def unavailable() -> FhirError:
    """Make the error of a database that does not answer."""
    return refuse(ErrorKind.UNAVAILABLE, "The database does not answer at the moment; try again shortly.")


def _too_costly() -> FhirError:
    return refuse(ErrorKind.TOO_COSTLY, "The request took longer than the server allows; narrow it and try again.")
