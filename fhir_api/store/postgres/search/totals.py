"""``Bundle.total``: exact, or a rough estimate that costs no more than a page.

Spec: https://hl7.org/fhir/R4/search.html#total
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from fhir_api.search.query import Total
from fhir_api.store.postgres.session import Fetch, fenced, planned

COUNTED = 1000
"""Up to so many matches are counted even where an estimate will do."""


class Counting(NamedTuple):
    """What is counted.

    Attributes:
        rows: a SELECT of the ``rid`` of each match.
        repeats: SQL that tells whether a resource may come twice; None where none does.
        hashes: SQL of values that *rows* looks up, of which the planner knows nothing before.
        among: the same rows for the planner, with one more argument: these values.
        number: a SELECT of how many *rows* there are, where the rows of each value are better counted by themselves.
    """

    rows: str
    repeats: str | None = None
    hashes: str = "NULL"
    among: str | None = None
    number: str | None = None

    def exact(self) -> str:
        """Return the statement that counts all."""
        every = self.number or f"SELECT count(*) AS n FROM ({self.rows}) f"
        if self.repeats is None:
            return fenced("x.n", every)
        # to count what is different costs several times as much
        once = f"SELECT count(DISTINCT f.rid) FROM ({self.rows}) f"
        return fenced("x.n", f"SELECT CASE WHEN {self.repeats} THEN ({once}) ELSE ({every}) END AS n OFFSET 0")

    def few(self) -> str:
        """Return the statement that counts rows up to ``COUNTED``, and their resources, and looks values up."""
        resources = "count(*)" if self.repeats is None else "count(DISTINCT f.rid)"
        return fenced(
            "x.rows, x.resources, x.hashes",
            f"SELECT count(*) AS rows, {resources} AS resources, {self.hashes} AS hashes "
            f"FROM ({self.rows} LIMIT {COUNTED}) f",
        )

    def expected(self) -> str:
        """Return the statement that asks the planner how many there are."""
        return planned(self.among or self.rows)


async def total(fetch: Fetch, counting: Counting, arguments: Sequence[Any], wanted: Total) -> int:
    """Return how many resources match; with ``Total.ESTIMATE`` it is exact below ``COUNTED`` only."""
    if wanted is not Total.ESTIMATE:
        (row,) = await fetch(counting.exact(), *arguments)
        return int(row[0])
    (row,) = await fetch(counting.few(), *arguments)
    if row[0] < COUNTED:
        return int(row[1])
    values = arguments if counting.among is None else (*arguments, row[2])
    (plan,) = await fetch(counting.expected(), *values)
    return max(COUNTED, int(orjson.loads(plan[0])[0]["Plan"]["Plan Rows"]))
