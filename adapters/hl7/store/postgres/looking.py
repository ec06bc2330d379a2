"""Lists of messages in SQL: a statement for each shape of criteria, with its values apart from it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import asyncpg

from adapters.hl7.store.looking import REPLAYED, Criteria, Listed, Replay, Standing, State

STATES: Mapping[State, int] = {
    State.RECEIVED: 1,
    State.PARKED: 2,
    State.MAPPED: 3,
    State.DEAD: 4,
    State.CLOSED: 5,
}
STATE_OF = {number: state for state, number in STATES.items()}
STANDINGS = "SELECT * FROM hl7.standings(tenancy.enter($1), $2)"
LATER = "SELECT count(*) FROM hl7.followers(tenancy.enter($1), ARRAY[$2::bigint])"
CORRECTIONS = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL "
    "(SELECT m.number FROM hl7.message m WHERE m.tenant_id = c.tenant AND m.corrects = $2 ORDER BY 1 LIMIT 100) x"
)
WORKS = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL "
    "(SELECT w.number, w.plan, w.made FROM hl7.work w WHERE w.tenant_id = c.tenant AND w.number = ANY ($2) LIMIT $3) x"
)
STATES_OF = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL (SELECT m.number, m.state FROM hl7.message m "
    "WHERE m.tenant_id = c.tenant AND m.number = ANY ($2::bigint[]) LIMIT $3) x"
)
CORRECT = "SELECT * FROM hl7.correct(tenancy.enter($1), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
CLOSE = "SELECT hl7.close(tenancy.enter($1), $2, $3)"
REPLAY = "SELECT hl7.replay(tenancy.enter($1), $2, $3::smallint[], $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
_MOST_NUMBER = (1 << 63) - 1
_CONDITIONS = {
    "sender": "m.sender = {}",
    "message_type": "m.message_type = {}",
    "control_id": "m.control_id = {}",
    "since": "m.received_at >= {}",
    "until": "m.received_at < {}",
}
_LIST = (
    "SELECT x.* FROM tenancy.enter($1) c (tenant) CROSS JOIN LATERAL "
    "(SELECT m.number, m.sender, m.control_id, m.message_type, m.received_at, m.state, m.reason, m.attempts,"
    # a sealed message begins with the byte 1 and is longer by key id, nonce and tag
    " length(m.raw) - CASE get_byte(m.raw || 'x', 0) WHEN 1 THEN 37 ELSE 0 END AS size,"
    " m.corrects FROM hl7.message m"
    " WHERE m.tenant_id = c.tenant AND m.number < $2{fits} ORDER BY m.number DESC LIMIT $3) x"
)
_ANY_EVENT = "m.message_type LIKE {} || '^%'"


def listing(criteria: Criteria, before: int | None, count: int) -> tuple[str, list[object]]:
    """Return the statement that lists messages, and its values after the tenant's context."""
    given = {name: value for name, value in criteria._asdict().items() if value and name != "state"}
    statement = _statement(tuple(given), criteria.state, by_event="^" in criteria.message_type)
    return statement, [_MOST_NUMBER if before is None else before, count, *given.values()]


@cache
def _statement(names: tuple[str, ...], state: State | None, *, by_event: bool) -> str:
    shapes = _CONDITIONS if by_event else _CONDITIONS | {"message_type": _ANY_EVENT}
    fits = "".join(f" AND {shapes[name].format(f'${place}')}" for place, name in enumerate(names, 4))
    if state is not None:
        # written out: states have indexes of their own, which serve no unknown one
        fits += f" AND m.state = {STATES[state]}"
    return _LIST.replace("{fits}", fits)


def listed(row: asyncpg.Record) -> Listed:
    """Return a row of a list."""
    return Listed(
        row["number"],
        row["sender"],
        row["control_id"],
        row["message_type"],
        row["received_at"],
        STATE_OF[row["state"]],
        row["reason"],
        row["attempts"],
        row["size"],
        row["corrects"],
    )


def standing(row: asyncpg.Record) -> Standing:
    """Return how a sender stands."""
    return Standing(*row)


def replaying(replay: Replay, *, dry: bool) -> list[object]:
    """Return the values of :data:`REPLAY` after the tenant's context."""
    criteria = replay.criteria
    states = REPLAYED[bool(replay.numbers)] if criteria.state is None else {criteria.state} - {State.RECEIVED}
    return [
        list(replay.numbers) or None,
        [STATES[state] for state in states],
        criteria.sender,
        criteria.message_type,
        criteria.control_id,
        criteria.since,
        criteria.until,
        replay.later,
        replay.begin,
        replay.gap,
        replay.most,
        dry,
    ]
