"""Pages of searches along references: what is pointed at by resources of a kind, and what points at them.

Which way costs least is told by how many resources the references start from, counted up to a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from fhir_api.search.query import ChainClause, Parameter
from fhir_api.store.postgres.hashing import Hasher
from fhir_api.store.postgres.search.former import Former, Values
from fhir_api.store.postgres.search.order import NEWEST_FIRST, Key, Order
from fhir_api.store.postgres.session import Fetch, fenced

FEW_TARGETS = 100
"""Of up to so many targets the newest resources of each are read and put in order."""
MANY_TARGETS = 5000
"""From so many targets on, nearly all resources point at one of them: they are tested one after the other."""
MANY_BEGINNINGS = 500
"""The same for a chain of several links, counted at its far end."""
FEW_SOURCES = 400
"""Up to so many resources are followed to what they point at."""
MANY_SOURCES = 8000
"""From so many on, what points at a resource is tested one by one; of fewer all are known beforehand."""
TRIED = 500
"""So many resources are tested before those that point are followed after all."""
COUNTED_SOURCES = 1000
"""So many resources that point are counted; how many more there are, their dates tell about."""
TRIED_LIGHT = 40
"""So many resources are asked about one by one, before what points is read,"""
SAMPLED_TARGETS = 5
"""if so many of them"""
MOST_REFERENCES = 100
"""have fewer references than this together."""


class Way(Enum):
    """How a chain is followed."""

    NEWEST_FIRST = auto()
    BY_TARGET = auto()
    """Resources of the targets that match, which are read as a whole and put in order."""
    BY_TESTED_TARGET = auto()
    """The same, with targets tested in order: nearly all match."""
    TESTED = auto()
    """Resources are tested, in whatever order another criterion gives."""


BY_TARGETS: Final = {"target": Way.BY_TARGET, "tested-target": Way.BY_TESTED_TARGET}
"""Ways in the order of targets, by the names of their orders: a page link keeps its own."""


def is_long(chain: ChainClause) -> bool:
    """Tell whether a chain has several links."""
    return any(isinstance(inner, ChainClause) for _, inner in chain.targets)


def most_counted(chain: ChainClause) -> int:
    """Return up to how many resources are to be counted at the far end of *chain*."""
    return MANY_BEGINNINGS if is_long(chain) else MANY_TARGETS


def way_of(chain: ChainClause, number: int, *, by_target: bool, has_others: bool) -> Way:
    """Return how to follow *chain*.

    Args:
        chain: the chain.
        number: of resources at its far end, counted up to :func:`most_counted`.
        by_target: whether results may come in the order of targets.
        has_others: whether the search could start at another criterion.
    """
    if number >= most_counted(chain):
        tests_targets = by_target and not has_others and len(chain.targets) == 1
        return Way.BY_TESTED_TARGET if tests_targets else Way.TESTED
    if by_target and (is_long(chain) or number >= FEW_TARGETS):
        return Way.BY_TARGET
    return Way.NEWEST_FIRST


def way_of_order(name: str) -> Way:
    """Return how the pages before were found, from the name of their order."""
    if name == NEWEST_FIRST.name:
        return Way.NEWEST_FIRST
    return BY_TARGETS.get(name, Way.TESTED)


def by_target(reference: Parameter, way: Way) -> Order:
    """Return the order by the target of *reference*, the youngest first, and of one target's resources the newest.

    The place of a former version names the target in words, ``Type/id``, in place of its number.
    """

    def place(former: Former) -> Values | None:
        targets = [
            entry.target for entry in former.entries((reference,)).references if entry.parameter == reference.key
        ]
        return (targets[0], *former.told[1:]) if targets else None

    name = next(name for name, each in BY_TARGETS.items() if each is way)
    return Order(name, (Key("t.rid", descending=True), *NEWEST_FIRST.keys), place)


_NUMBERS = fenced(
    "x.id_hash, x.rid",
    "SELECT r.id_hash, r.rid FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.id_hash = ANY($2::bigint[]) "
    "OFFSET 0",
)


async def numbered(fetch: Fetch, places: Sequence[Values | None], hasher: Hasher) -> list[Values | None]:
    """Return *places* with numbers where they name targets in words; none of those whose target is not stored."""
    words = (place[0] for place in places if place is not None)
    hashes = {word: hasher.text(word) for word in words if isinstance(word, str)}
    if not hashes:
        return list(places)
    rids: dict[int, int] = {row["id_hash"]: row["rid"] for row in await fetch(_NUMBERS, list(hashes.values()))}
    known = {name: rids.get(hashed) for name, hashed in hashes.items()}

    def number(place: Values | None) -> Values | None:
        if place is None or place[0] not in known:
            return place
        rid = known[place[0]]
        return None if rid is None else (rid, *place[1:])

    return [number(place) for place in places]


def walk_by_target(reference: str, targets: str, tests: Sequence[str], limit: str) -> str:
    """Return a SELECT of the first resources in the order :func:`by_target`, read target by target.

    Args:
        reference: SQL of the parameter's number.
        targets: a SELECT of ``rid`` and type, ``kind``, of each target, the youngest first.
        tests: conditions on rows ``d`` and their target ``t``.
        limit: of the page.
    """
    tested = "".join(f" AND {test}" for test in tests)
    key = (
        "SELECT b.id_hash FROM fhir.resource b WHERE b.tenant_id = c.tenant AND b.rid = t.rid AND b.type_id = t.kind "
        "AND b.change <> 3 OFFSET 0"
    )
    pointing = (
        f"SELECT d.low, d.rid FROM fhir.reference d WHERE d.tenant_id = c.tenant AND d.param = {reference} "
        f"AND d.target = b.id_hash{tested} ORDER BY d.low DESC, d.rid DESC LIMIT {limit}"
    )
    return (
        f"SELECT t.rid AS k0, w.low AS k1, w.rid AS k2, w.rid FROM ({targets}) t CROSS JOIN LATERAL ({key}) b "
        f"CROSS JOIN LATERAL ({pointing}) w ORDER BY t.rid DESC, w.low DESC, w.rid DESC LIMIT {limit}"
    )


@dataclass(frozen=True, slots=True)
class Sources:
    """Resources that point at others.

    Attributes:
        counted: a SELECT of ``n``, how many there are, counted up to a bound, and ``about``, how many that means.
        rows: a SELECT of the ``rid`` of each.
        followed: a SELECT of what those of ``k`` point at, ``t.key``.
        is_target: the condition that it is ``b``.
        pointing: FROM and WHERE of all references to ``b``, whatever points.
    """

    counted: str
    rows: str
    followed: str
    is_target: str
    pointing: str


def walk_pointed_at(sources: Sources, candidates: str, known: str, asked: str, order: Order, limit: str) -> str:
    """Return a SELECT of the first resources that others point at.

    Args:
        sources: those that point.
        candidates: FROM and WHERE of what may be pointed at, ``b``.
        known: the condition that ``b`` is pointed at by those of ``k``, which is read once.
        asked: the same, asked for each.
        order: of the page.
        limit: of the page.
    """
    page = f"SELECT b.rid, {order.columns()} FROM {{}} ORDER BY {order.by('')} LIMIT {limit}"
    some, not_many = f"(SELECT p.n FROM p) >= {FEW_SOURCES}", f"(SELECT p.about FROM p) < {MANY_SOURCES}"
    tried, walked, read = (f"(SELECT count(*) FROM {name})" for name in "twk")

    def first(number: int, gate: str) -> str:
        return f"(SELECT b.* FROM {candidates} AND {gate} ORDER BY {order.expressions()} LIMIT {number}) b"

    # a few candidates tell whether each has so few references that asking costs little
    references = f"SELECT {sources.pointing} LIMIT {MOST_REFERENCES}"
    sample = f"SELECT FROM {first(SAMPLED_TARGETS, 'true')} CROSS JOIN LATERAL ({references}) f LIMIT {MOST_REFERENCES}"
    light = first(TRIED_LIGHT, f"{some} AND (SELECT count(*) FROM ({sample}) s) < {MOST_REFERENCES}")
    all_read = f"SELECT s.rid FROM ({sources.rows}) s (rid) WHERE {not_many} AND {tried} < {limit} LIMIT {MANY_SOURCES}"
    hashed = first(TRIED, f"{some} AND {not_many} AND {tried} < {limit}")
    knows_all, not_full = f"{not_many} AND {read} < {MANY_SOURCES}", f"{tried} < {limit} AND {walked} < {limit}"
    # read as a whole: else the planner may ask for each candidate whether it is among them
    each = f"SELECT b.* FROM {candidates} AND {sources.is_target} OFFSET 0"
    targets = f"(SELECT DISTINCT t.key FROM ({sources.followed}) t WHERE {knows_all} AND {not_full} OFFSET 0) t"
    parts = [
        f"SELECT t.* FROM t WHERE {tried} = {limit}",
        f"SELECT w.* FROM w WHERE {walked} = {limit}",
        page.format(f"{targets} CROSS JOIN LATERAL ({each}) b"),
        page.format(f"{candidates} AND NOT ({knows_all}) AND {not_full} AND {asked}"),
    ]
    return (
        f"WITH p AS MATERIALIZED ({sources.counted}), "
        f"t AS MATERIALIZED ({page.format(f'{light} WHERE {asked}')}), "
        f"k AS MATERIALIZED ({all_read}), "
        f"w AS MATERIALIZED ({page.format(f'{hashed} WHERE {known}')}) "
        f"SELECT e.* FROM ({' UNION ALL '.join(f'({part})' for part in parts)}) e "
        f"ORDER BY {order.by('e')} LIMIT {limit}"
    )
