"""Pages of what resources of a kind point at, for ``_has``: how many point tells which way costs least.

All ways give the same resources in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from fhir_api.store.postgres.search.order import Order

FEW_SOURCES = 100
"""Up to so many resources are followed to what they point at, which is then looked up,"""
SOME_SOURCES = 1000
"""and up to so many to a set against which candidates are held first."""
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


class Pointing(Enum):
    """How those that are pointed at are found."""

    FOLLOWED = auto()
    """All that point are followed, and what they point at is looked up."""
    MET = auto()
    """All that point are followed, and candidates are held against what they point at."""
    READ = auto()
    """All that point are read, and what points at a candidate is held against them."""
    ASKED = auto()
    """What points at a candidate is tested."""


def way_from(number: float, about: float) -> Pointing:
    """Return the way from *number* resources, which mean that there are *about* so many."""
    if number < FEW_SOURCES:
        return Pointing.FOLLOWED
    if number < SOME_SOURCES:
        return Pointing.MET
    return Pointing.READ if about < MANY_SOURCES else Pointing.ASKED


@dataclass(frozen=True, slots=True)
class Sources:
    """Resources that point at others.

    Attributes:
        rows: a SELECT of the ``rid`` of each.
        followed: a SELECT of what those of ``k`` point at, ``key``.
        key: what ``key`` is of a candidate ``b``.
        is_of_type: the condition that ``b`` is of the type that is pointed at, followed by AND, or empty.
        pointing: makes FROM and WHERE of all references to ``b``, whatever points.
    """

    rows: str
    followed: str
    key: str
    is_of_type: str
    pointing: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Targets:
    """What may be pointed at, and the page of it.

    Attributes:
        candidates: FROM and WHERE of what may be pointed at, ``b``.
        known: makes the condition that ``b`` is pointed at by those of ``k``, which is read once.
        asked: makes the same, asked for each. What is made has to be used, for its arguments are bound.
        order: of the page.
        limit: of the page.
    """

    candidates: str
    known: Callable[[], str]
    asked: Callable[[], str]
    order: Order
    limit: str

    def walk(self, sources: Callable[[], Sources], way: Pointing) -> str:
        """Return a SELECT of the first of those that *sources* point at."""
        match way:
            case Pointing.ASKED:
                return self._page(f"{self.candidates} AND {self.asked()}")
            case Pointing.FOLLOWED:
                return self._following(sources())
            case Pointing.MET:
                return self._meeting(sources())
            case Pointing.READ:
                return self._reading(sources())

    def _following(self, sources: Sources) -> str:
        return f"WITH k (rid) AS MATERIALIZED ({sources.rows}) {self._page(self._looked_up(sources))}"

    def _page(self, of: str) -> str:
        order = self.order
        return f"SELECT b.rid, {order.columns()} FROM {of} ORDER BY {order.by('')} LIMIT {self.limit}"

    def _first(self, number: int, gate: str = "true") -> str:
        order = self.order.expressions()
        return f"(SELECT b.* FROM {self.candidates} AND {gate} ORDER BY {order} LIMIT {number}) b"

    def _looked_up(self, sources: Sources, gate: str = "true") -> str:
        """Return FROM of what those of ``k`` point at, ``b``."""
        # read as a whole: else the planner may ask for each candidate whether it is among them
        targets = f"(SELECT DISTINCT t.key FROM ({sources.followed}) t WHERE {gate} OFFSET 0) t"
        each = f"SELECT b.* FROM {self.candidates} AND {sources.is_of_type}{sources.key} = t.key OFFSET 0"
        return f"{targets} CROSS JOIN LATERAL ({each}) b"

    def _joined(self, common: str, *parts: str) -> str:
        page = " UNION ALL ".join(f"({part})" for part in parts)
        return f"WITH {common} SELECT e.* FROM ({page}) e ORDER BY {self.order.by('e')} LIMIT {self.limit}"

    def _meeting(self, sources: Sources) -> str:
        # IS TRUE keeps PostgreSQL from making a join of it
        met = f"{sources.is_of_type}({sources.key} IN (SELECT f.key FROM f)) IS TRUE"
        full = f"(SELECT count(*) FROM w) = {self.limit}"
        common = (
            f"k (rid) AS MATERIALIZED ({sources.rows}), f (key) AS MATERIALIZED ({sources.followed}), "
            f"w AS MATERIALIZED ({self._page(f'{self._first(TRIED)} WHERE {met}')})"
        )
        rest = self._looked_up(replace(sources, followed="SELECT f.key FROM f"), f"NOT {full}")
        return self._joined(common, f"SELECT w.* FROM w WHERE {full}", self._page(rest))

    def _reading(self, sources: Sources) -> str:
        tried, walked, read = (f"(SELECT count(*) FROM {name})" for name in "twk")
        # a few candidates tell whether each has so few references that asking costs little
        references = f"SELECT {sources.pointing()} LIMIT {MOST_REFERENCES}"
        sample = (
            f"SELECT FROM {self._first(SAMPLED_TARGETS)} CROSS JOIN LATERAL ({references}) f LIMIT {MOST_REFERENCES}"
        )
        light = self._first(TRIED_LIGHT, f"(SELECT count(*) FROM ({sample}) s) < {MOST_REFERENCES}")
        all_read = f"SELECT s.rid FROM ({sources.rows}) s (rid) WHERE {tried} < {self.limit} LIMIT {MANY_SOURCES}"
        hashed = self._first(TRIED, f"{tried} < {self.limit}")
        asked, known = self.asked(), self.known()
        knows_all, not_full = f"{read} < {MANY_SOURCES}", f"{tried} < {self.limit} AND {walked} < {self.limit}"
        common = (
            f"t AS MATERIALIZED ({self._page(f'{light} WHERE {asked}')}), k AS MATERIALIZED ({all_read}), "
            f"w AS MATERIALIZED ({self._page(f'{hashed} WHERE {known}')})"
        )
        return self._joined(
            common,
            f"SELECT t.* FROM t WHERE {tried} = {self.limit}",
            f"SELECT w.* FROM w WHERE {walked} = {self.limit}",
            self._page(self._looked_up(sources, f"{knows_all} AND {not_full}")),
            self._page(f"{self.candidates} AND NOT ({knows_all}) AND {not_full} AND {asked}"),
        )
