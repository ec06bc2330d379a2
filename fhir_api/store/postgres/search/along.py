"""Pages of searches along chains of references.

Which way costs least is told by how many resources there are at the far end, counted up to a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def way_of(chain: ChainClause, number: float, *, by_target: bool, has_others: bool) -> Way:
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
