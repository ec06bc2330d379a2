"""A pooler between us and the database that gives each transaction another session, such as PgBouncer does.

What is said to a session when a connection is made would reach one session and miss the others. So the pooler's
sessions have to be made as ours are, by settings of the login, and that they are is looked at for each connection.

Statements are prepared once for a connection. PgBouncer before 1.21, or without ``max_prepared_statements``, hands
their names on as they are: then one client would carry out a statement of another. Such a pooler is refused.

Spec: https://www.pgbouncer.org/config.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stanforis.errors import OperatorError
from stanforis.storage.connection import Connection

PASSED_ON: Final = ("application_name", "timezone")
"""What a pooler sets for each client, whichever session it gets."""
_TIMES: Final = ("statement_timeout", "idle_in_transaction_session_timeout")
"""The operator may have others in mind than a setting of the server says."""
_FOUND = (
    "SELECT s.name, s.setting, pg_backend_pid() <> $2::integer AND EXISTS (SELECT FROM pg_prepared_statements p "
    r"WHERE NOT p.from_sql AND p.name LIKE '\_\_asyncpg\_%') AS hands_on_names, "
    "current_user::text AS login, current_database()::text AS database "
    "FROM pg_settings s WHERE s.name = ANY($1::text[])"
)


class PoolerError(OperatorError):
    """The pooler cannot be worked through as it is; the text says what to change."""


async def require_fit(connection: Connection, wanted: Mapping[str, str]) -> None:
    """Check that the sessions behind *connection* are made with the settings that are *wanted*.

    Raises:
        PoolerError: they are not, or the pooler hands on names of prepared statements.
    """
    checked = [name for name in wanted if name not in (*PASSED_ON, *_TIMES, "role")]
    rows = await connection.fetch(_FOUND, [*checked, *_TIMES], connection.get_server_pid())
    if any(row["hands_on_names"] for row in rows):
        raise PoolerError(
            "The pooler in front of the database hands on names of prepared statements, so that clients would carry "
            "out each other's. PgBouncer 1.21 or newer with max_prepared_statements is needed."
        )
    found = {row["name"]: row["setting"] for row in rows}
    differing = [name for name in checked if found.get(name) != wanted[name]]
    if differing or found.get(_TIMES[0]) == "0":
        raise PoolerError(_advice(rows[0]["login"], rows[0]["database"], wanted))


def _advice(login: str, database: str, wanted: Mapping[str, str]) -> str:
    settings = [(name, value) for name, value in wanted.items() if name not in (*PASSED_ON, "role")]
    commands = "; ".join(f"ALTER ROLE {login} IN DATABASE {database} SET {name} = {value}" for name, value in settings)
    return f"Sessions behind the pooler are not made as the server needs them. As an administrator: {commands}."
