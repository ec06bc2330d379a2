"""An outside PostgreSQL: what it must be, and the role the server works as there."""

from __future__ import annotations

import logging
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from stanforis.errors import OperatorError

APPLICATION_ROLE = "stanforis_app"
OLDEST_VERSION = 15

_FACTS = """
SELECT current_setting('server_version_num')::int / 10000, r.rolsuper, r.rolbypassrls, d.datdba = r.oid
FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()
"""

_MAY_GO_BACK = """
SELECT session_user <> current_user AND (r.rolsuper OR EXISTS (
    SELECT FROM pg_namespace n WHERE n.nspname = 'tenancy' AND pg_has_role(r.oid, n.nspowner, 'MEMBER')
)) FROM pg_roles r WHERE r.rolname = session_user
"""
_log = logging.getLogger(__name__)


class OutsideDatabaseError(OperatorError):
    """The database cannot be used as it is; the text says what to change."""


def with_application_role(url: str) -> str:
    """Return *url* so that its connections give up their own rights for those of the application role."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    query["options"] = f"{query.get('options', '')} -c role={APPLICATION_ROLE}".strip()
    return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))


def prepare(owner_url: str) -> None:
    """Make the application role where it is missing and let the owner take it.

    Raises:
        OutsideDatabaseError: the database is not reachable or too old, or the owner may not do this.
    """
    try:
        with psycopg.connect(owner_url, autocommit=True, connect_timeout=10) as session:
            _require_version(session)
            _ensure_role(session)
    except psycopg.errors.InsufficientPrivilege as error:
        role = APPLICATION_ROLE
        message = (
            f"The database user may not make the role {role}. As a superuser: CREATE ROLE {role} NOSUPERUSER "
            f"NOBYPASSRLS; GRANT {role} TO the user of the database URL."
        )
        raise OutsideDatabaseError(message) from error
    except psycopg.OperationalError as error:
        raise OutsideDatabaseError(f"The database cannot be reached: {error}") from error


def require_restricted(app_url: str) -> None:
    """Check that row-level security binds the role the server works as.

    Raises:
        OutsideDatabaseError: it is a superuser, bypasses row-level security or owns the database, or is refused.
    """
    try:
        with psycopg.connect(app_url, autocommit=True, connect_timeout=10) as session:
            facts = session.execute(_FACTS).fetchone()
            may_go_back = session.execute(_MAY_GO_BACK).fetchone()
    except psycopg.Error as error:
        raise OutsideDatabaseError(f"The server's own role cannot use the database: {error}") from error
    if facts is None or any(facts[1:]):
        raise OutsideDatabaseError(
            "The role the server works as is a superuser, bypasses row-level security or owns the database, so nothing "
            f"would keep tenants apart. Use one like {APPLICATION_ROLE}."
        )
    if may_go_back is not None and may_go_back[0]:
        _log.warning(
            "The server logs in to the database as a user that may take back the rights of the tables' owner: SQL that "
            "somebody smuggles in could too. Set STANFORIS_DATABASE_APP_URL to a login of %s itself.",
            APPLICATION_ROLE,
        )


def _require_version(session: psycopg.Connection) -> None:
    version = session.info.server_version // 10000
    if version < OLDEST_VERSION:
        raise OutsideDatabaseError(f"The database is PostgreSQL {version}; {OLDEST_VERSION} or newer is needed.")


def _ensure_role(session: psycopg.Connection) -> None:
    role = sql.Identifier(APPLICATION_ROLE)
    if session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APPLICATION_ROLE]).fetchone() is None:
        session.execute(sql.SQL("CREATE ROLE {} NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT").format(role))
    may_take = session.execute("SELECT pg_has_role(current_user, %s, 'MEMBER')", [APPLICATION_ROLE]).fetchone()
    if may_take is None or not may_take[0]:
        session.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
    database = sql.Identifier(session.info.dbname)
    session.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, role))
