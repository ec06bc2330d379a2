"""Lists of messages that are sent, in SQL: a statement for each shape of criteria, with its values apart from it."""

from __future__ import annotations

from functools import cache

import asyncpg

from adapters.hl7.outbound.looking import SentCriteria, Standing
from adapters.hl7.outbound.queue import Fate, Mode

STANDINGS = "SELECT * FROM hl7.outbound_standings(tenancy.enter($1))"
READ = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL "
    "(SELECT * FROM hl7.outbound o WHERE o.tenant_id = c.tenant AND o.number = $2 LIMIT 1) x"
)
_MOST_NUMBER = (1 << 63) - 1
_CONDITIONS = {
    "destination": "o.destination = {}",
    "control_id": "o.control_id = {}",
    "resource": "o.resource = {}",
    "patient": (
        "o.number = ANY (ARRAY(SELECT p.number FROM hl7.outbound_patient p WHERE p.tenant_id = c.tenant"
        " AND p.patient = {} ORDER BY p.number DESC LIMIT 10000))"
    ),
    "since": "o.made_at >= {}",
    "until": "o.made_at < {}",
}
_COLUMNS = (
    "o.destination, o.number, o.control_id, o.message_type, o.resource, o.resource_version, o.made_at, o.state,"
    " o.attempts, o.first_sent_at, o.not_before, o.settled_at, o.reason, o.patients, o.sources, ''::bytea AS raw,"
    " ''::bytea AS answer"
)
_LIST = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL "
    "(SELECT {columns} FROM hl7.outbound o"
    " WHERE o.tenant_id = c.tenant AND o.number < $2{fits} ORDER BY o.number DESC LIMIT $3) x"
)
_FEW = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL "
    "(WITH o AS MATERIALIZED (SELECT {columns} FROM hl7.outbound o"
    " WHERE o.tenant_id = c.tenant AND o.number < $2{fits}) SELECT * FROM o ORDER BY o.number DESC LIMIT $3) x"
)
"""The same where few messages fit: a time that ended. All that came later would be passed by, one by one, otherwise."""


def listing(criteria: SentCriteria, before: int | None, count: int) -> tuple[str, list[object]]:
    """Return the statement that lists messages, and its values after the tenant's context."""
    given = {name: value for name, value in criteria._asdict().items() if value and name != "fate"}
    statement = _statement(tuple(given), criteria.fate)
    return statement, [_MOST_NUMBER if before is None else before, count, *given.values()]


@cache
def _statement(names: tuple[str, ...], fate: Fate | None) -> str:
    fits = "".join(f" AND {_CONDITIONS[name].format(f'${place}')}" for place, name in enumerate(names, 4))
    if fate is not None:
        # written out: states have indexes of their own, which serve no unknown one
        fits += f" AND o.state = {fate.value}"
    statement = _FEW if {"since", "until"} <= {*names} else _LIST
    return statement.replace("{columns}", _COLUMNS).replace("{fits}", fits)


def standing(row: asyncpg.Record) -> Standing:
    """Return how a destination stands."""
    return Standing(
        row["destination"], Mode(row["mode"]), row["reason"], row["changed_at"], row["waiting"], row["oldest_at"],
        row["attempts"] or 0, row["trouble"] or "", row["dead"], row["unmade"], row["withdrawn"],
        row["answered_at"],
    )  # fmt: skip
