"""How a statement is told its tenant, and how the database's refusals become ours.

Every read is one statement in which the tenant's setting is fenced in front of the tables it guards; the function
:func:`fenced` is the only place that writes this fence. Other forms leak: see docs/decisions/0002-storage.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import asyncpg
from stanforis.storage.pool import PoolTimeoutError

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.store.collisions import CollisionError

Fetch = Callable[..., Awaitable[list[asyncpg.Record]]]
"""Runs a statement for the tenant: ``fetch(statement, *arguments)``, arguments from ``$2`` on."""

_COLLISIONS = (asyncpg.SerializationError, asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError)
_UNREACHABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,
    ConnectionError,
)


def fenced(columns: str, inner: str) -> str:
    """Return a statement that sets the tenant ``$1`` (text) and then runs *inner*.

    *inner* must use ``c.tenant`` and end in LIMIT, OFFSET 0 or an aggregate: then PostgreSQL cannot run it before the
    setting is in force.
    """
    return (
        f"SELECT {columns} "
        "FROM (SELECT s::integer AS tenant FROM set_config('stanforis.tenant', $1, true) s OFFSET 0) c "
        f"CROSS JOIN LATERAL ({inner}) x"
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises into :class:`FhirError` or :class:`CollisionError`."""
    try:
        yield
    except _COLLISIONS as error:
        raise CollisionError from error
    except asyncpg.QueryCanceledError as error:
        raise _too_costly() from error
    except PoolTimeoutError as error:
        raise unavailable() from error
    except asyncpg.InterfaceError as error:
        # the driver says the same of a connection that broke and of arguments that do not fit; those are our fault
        if "closed" not in str(error):
            raise
        raise unavailable() from error
    except _UNREACHABLE as error:
        raise unavailable() from error


def unavailable() -> FhirError:
    """Make the error of a database that does not answer."""
    return refuse(ErrorKind.UNAVAILABLE, "The database does not answer at the moment; try again shortly.")


def _too_costly() -> FhirError:
    return refuse(ErrorKind.TOO_COSTLY, "The request took longer than the server allows; narrow it and try again.")
