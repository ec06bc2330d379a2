"""Every kind of search finds what brute force finds: see tests/support/oracle.

What is asked: three zones, QUESTIONS of each population, ``max_examples`` populations.
"""

from __future__ import annotations

import random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import NewStore
from tests.support.examples import official_examples
from tests.support.oracle.asking import keeps_to_targets
from tests.support.oracle.comparing import Comparison
from tests.support.oracle.definitions import Tree
from tests.support.oracle.population import POPULATIONS, unique

ZONES = ("UTC", "Africa/Kigali", "America/New_York")
QUESTIONS = 25
"""How many a population is asked."""

Compared = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


on_postgres = pytest.mark.parametrize("new_store", ["postgres"], indirect=True)


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> ZoneInfo:
    """The server's zone."""
    return ZoneInfo(request.param)


async def compare(new_store: NewStore, zone: ZoneInfo, resources: list[Tree], chance: random.Random) -> None:
    """Ask a population; each answer has to be the oracle's."""
    comparison = Comparison(new_store(), resources, zone)
    await comparison.fill()
    for question in comparison.questions(QUESTIONS, chance):
        assert await comparison.difference(question) is None


@on_postgres
@settings(Compared, max_examples=30, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(resources=POPULATIONS, chance=st.randoms(use_true_random=True))
async def test_searches_find_what_brute_force_finds(
    new_store: NewStore, zone: ZoneInfo, resources: list[Tree], chance: random.Random
) -> None:
    await compare(new_store, zone, resources, chance)


@pytest.mark.nightly
@on_postgres
@settings(Compared, max_examples=1400)
@given(resources=POPULATIONS, chance=st.randoms(use_true_random=True))
async def test_many_searches_find_what_brute_force_finds(
    new_store: NewStore, zone: ZoneInfo, resources: list[Tree], chance: random.Random
) -> None:
    await compare(new_store, zone, resources, chance)


@on_postgres
async def test_the_official_examples_are_found_by_brute_force(new_store: NewStore) -> None:
    # chains into contained resources are no matter of the oracle: see tests/cases/search/contained.yaml
    plain = [tree for tree in unique(official_examples()) if "contained" not in tree]
    examples = [tree for tree in plain if keeps_to_targets(tree)]
    comparison = Comparison(new_store(), examples, ZoneInfo("UTC"))
    await comparison.fill()
    for question in comparison.questions(1000, random.Random(4)):  # noqa: S311 - chooses questions, no secret
        assert await comparison.difference(question) is None
