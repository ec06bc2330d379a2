"""The benchmark of the authorization server still runs: on little, and without a look at the figures."""

from __future__ import annotations

from benchmarks.access import run


async def test_the_access_benchmark_measures_each_kind_of_work():
    figures = await run(2, with_postgres=False)
    assert len({figure.work for figure in figures}) == 6
    assert all(figure.microseconds > 0 for figure in figures)
