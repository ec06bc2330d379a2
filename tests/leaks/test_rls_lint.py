"""The schemas of the suite, looked at by pgrls (a linter of row security that others wrote) and by checks of our own.

What pgrls finds and we keep is listed with its reason; whatever else it finds is a failure.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import pytest
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres

SCHEMAS: Final = ("access", "audit", "fhir", "hl7", "tenancy")
FOUND: Final = 1
"""What pgrls exits with when it found something."""


class Kept(NamedTuple):
    """Findings that are kept.

    Attributes:
        rules: of pgrls.
        places: which of their locations, as a regular expression.
        reason: why.
    """

    rules: tuple[str, ...]
    places: str
    reason: str


KEPT: Final = (
    Kept(
        ("SEC003", "SEC005", "SEC008", "SEC028", "SEC038"),
        r"\w+\.\w+\.everyone",
        "Lets the restrictive policy own_tenant decide alone, for every role; that it is there is checked below.",
    ),
    Kept(
        ("SEC003",),
        r"tenancy\.\w+\.(own_tenant|installation)",
        "Asks for a signed context, whichever role shows it.",
    ),
    Kept(
        ("SEC005",),
        r"fhir\.\w+\.only_writers_(add|change|remove)|tenancy\.tenant\.installation_\w+|tenancy\.wrapped_key\.installation",
        "Asks what the signed context is for, beside the policy that asks whose it is.",
    ),
    Kept(
        ("SEC031",),
        r"fhir\.\w+\.only_writers_change",
        "WITH CHECK refuses the change with an error; USING would leave it out without a word.",
    ),
    Kept(
        ("SEC001",),
        r"audit\.(era|month)|fhir\.(installation|shared_package)|tenancy\.(directory|key|plan)",
        "Rows of the installation: nothing in them is of a tenant, and the role may not change them.",
    ),
    Kept(
        ("SEC001",),
        r"tenancy\.admitted",
        "Which settings were found good: the role has no right to it at all, and no tenant has a row of its own there.",
    ),
    Kept(
        ("SEC002", "SEC007"),
        r"tenancy\.(consumed|passage|tenant|usage|wrapped_key)",
        "Records of tenants are the operator's, who owns these tables.",
    ),
    Kept(
        ("SEC013", "SEC014"),
        r"fhir\.resource\.definition_changed|tenancy\.(tenant|usage|wrapped_key)\.\w+|"
        r"audit\.(make_month|prepare)|tenancy\.(admit|changed|consume|current|destroy_key|passed)",
        "Does one thing that the role may not do itself; its search path is checked below.",
    ),
    Kept(
        ("SEC013",),
        r"hl7\.outbound\.outbound_tells",
        "Works with the rights of whoever writes, so row security holds for what it writes.",
    ),
    Kept(("SEC027",), r"access\.\w+", "A tenant's administrators look after all its people."),
    Kept(("PERF003",), r"access\.family\.own_tenant", "Its key begins with the time; statements name all of it."),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A database with nothing but the schemas."""
    from tests.leaks.test_leaks_in_sql import migrated  # noqa: PLC0415 - what it brings is needed here only

    with EmbeddedPostgres(tmp_path_factory.mktemp("lint"), durable=False) as cluster:
        yield migrated(cluster.connection)


@pytest.fixture
async def owner(database: ConnectionInfo) -> AsyncIterator[asyncpg.Connection]:
    """A session of the owner."""
    connection = await asyncpg.connect(database.owner_dsn)
    yield connection
    await connection.close()


def is_kept(finding: dict[str, Any]) -> bool:
    return any(
        finding["rule_id"] in kept.rules and re.fullmatch(kept.places, finding["location"]) is not None for kept in KEPT
    )


def linted(dsn: str) -> list[dict[str, Any]]:
    """Return what pgrls finds."""
    program = Path(sys.executable).parent / "pgrls"
    command = [str(program), "lint", "--database-url", dsn, "--schemas", ",".join(SCHEMAS), "--format", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, FOUND), ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)["violations"]
    return found


def test_pgrls_finds_nothing_but_what_is_kept_for_a_reason(database: ConnectionInfo) -> None:
    found = linted(database.owner_dsn)
    assert [f"{each['rule_id']} {each['location']}: {each['title']}" for each in found if not is_kept(each)] == []
    unused = [kept for kept in KEPT for rule in kept.rules if rule not in {each["rule_id"] for each in found}]
    assert unused == []


async def test_pgrls_would_find_a_table_that_was_forgotten(database: ConnectionInfo, owner: asyncpg.Connection) -> None:
    await owner.execute("CREATE TABLE fhir.forgotten (tenant_id integer, note text)")
    try:
        assert "fhir.forgotten" in {each["location"] for each in linted(database.owner_dsn) if not is_kept(each)}
    finally:
        await owner.execute("DROP TABLE fhir.forgotten")


async def test_the_servers_role_is_bound(owner: asyncpg.Connection) -> None:
    role = await owner.fetchrow("SELECT * FROM pg_roles WHERE rolname = 'stanforis_app'")
    assert role is not None
    assert [name for name in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb") if role[name]] == []
    owned = await owner.fetch(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = $1",
        "stanforis_app",
    )
    assert owned == []


OURS: Final = "n.nspname = ANY($1)"
CHECKS: Final = {
    "a function with its owner's rights has a search path that nobody can change": (
        f"SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {OURS} "
        "AND p.prosecdef AND NOT coalesce(p.proconfig::text LIKE '%search_path=pg_catalog, pg_temp%', false)"
    ),
    "no function of ours says that it leaks nothing": (
        f"SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {OURS} "
        "AND p.proleakproof"
    ),
    "a view has a barrier, and the rights of whoever asks but for that which verifies contexts": (
        f"SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OURS} "
        "AND c.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_barrier=true}' AND ("
        "c.reloptions @> '{security_invoker=true}' OR c.oid = 'tenancy.context'::regclass), false)"
    ),
    "no view keeps rows": (
        f"SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OURS} "
        "AND c.relkind = 'm'"
    ),
    "what lets everybody through stands beside what asks for the tenant": (
        "SELECT p.polrelid::regclass::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid "
        f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OURS} AND p.polname = 'everyone' AND NOT EXISTS ("
        "SELECT FROM pg_policy o WHERE o.polrelid = p.polrelid AND o.polname = 'own_tenant' AND NOT o.polpermissive "
        "AND o.polcmd = '*' AND pg_get_expr(o.polqual, o.polrelid) ~ "
        "'SELECT (c.tenant\\s+FROM tenancy.context c\\)|tenancy.current\\(\\))')"
    ),
    "policies ask for the context once for a statement": (
        "SELECT p.polrelid::regclass::text || '.' || p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid "
        f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OURS} AND "
        "replace(pg_get_expr(p.polqual, p.polrelid), 'SELECT tenancy.current()', '') LIKE '%current()%'"
    ),
    "nobody but the server's role and the owner has a right to a table": (
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, "
        f"aclexplode(c.relacl) a WHERE {OURS} AND c.relkind IN ('r', 'p', 'v') AND a.grantee NOT IN "
        "(c.relowner, 'stanforis_app'::regrole)"
    ),
    "rows of the installation are not changed by the server's role": (
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE {OURS} AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND NOT c.relispartition "
        "AND has_table_privilege('stanforis_app', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
    ),
}


@pytest.mark.parametrize("check", CHECKS)
async def test_every_schema(owner: asyncpg.Connection, check: str) -> None:
    assert [row[0] for row in await owner.fetch(CHECKS[check], list(SCHEMAS))] == []
