"""Work that is carried out together with what comes while a call is under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest
from stanforis.storage.gathering import Gatherer, each_told, going_with, up_to
from stanforis.storage.lull import Lull


class Calls:
    """Carries out numbers by doubling them, once it may; a negative one is refused."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.may = asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.seen.append(list(numbers))
        await self.may.wait()
        return [2 * number if number >= 0 else ValueError(number) for number in numbers]


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def begun(gatherer: Gatherer[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(gatherer.ask(number)) for number in numbers]
    await turns()
    return tasks


async def test_what_comes_while_a_call_is_under_way_goes_next() -> None:
    calls = Calls()
    gatherer: Gatherer[int, int] = Gatherer(each_told(calls), up_to(2))
    tasks = await begun(gatherer, 1)
    tasks += await begun(gatherer, 2, 3, 4)
    assert calls.seen == [[1]]
    calls.may.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert calls.seen == [[1], [2, 3], [4]]


async def test_each_is_told_its_own_error() -> None:
    calls = Calls()
    calls.may.set()
    gatherer: Gatherer[int, int] = Gatherer(each_told(calls), up_to(9))
    results = await asyncio.gather(*(gatherer.ask(number) for number in (1, -1)), return_exceptions=True)
    assert results[0] == 2
    assert isinstance(results[1], ValueError)


async def test_what_a_call_raises_is_told_to_all_and_the_next_goes_on() -> None:
    async def fail(numbers: Sequence[int]) -> list[int]:
        if 1 in numbers:
            raise KeyError
        return list(numbers)

    gatherer: Gatherer[int, int] = Gatherer(each_told(fail), up_to(2))
    results = await asyncio.gather(*(gatherer.ask(number) for number in (1, 2, 3)), return_exceptions=True)
    assert [type(result) for result in results] == [KeyError, KeyError, int]


async def test_only_what_fits_goes_together() -> None:
    calls = Calls()
    calls.may.set()
    gatherer: Gatherer[int, int] = Gatherer(each_told(calls), going_with(lambda chosen, number: number not in chosen))
    await asyncio.gather(*(gatherer.ask(number) for number in (1, 2, 1, 3)))
    assert calls.seen == [[1, 2, 3], [1]]


async def test_whoever_went_away_is_left_out() -> None:
    calls = Calls()
    gatherer: Gatherer[int, int] = Gatherer(each_told(calls), up_to(9))
    first, gone, last = [*await begun(gatherer, 1), *await begun(gatherer, 2, 3)]
    gone.cancel()
    calls.may.set()
    await asyncio.gather(first, last)
    assert calls.seen == [[1], [3]]


@pytest.mark.parametrize(("patience", "expected"), [(None, [[1]]), (0.0, [[1], [2]])])
async def test_a_call_is_waited_for_as_long_as_is_said(patience: float | None, expected: list[list[int]]) -> None:
    calls = Calls()
    gatherer: Gatherer[int, int] = Gatherer(each_told(calls), up_to(9), patience)
    tasks = [*await begun(gatherer, 1), *await begun(gatherer, 2)]
    await asyncio.sleep(0.01)
    assert calls.seen == expected
    calls.may.set()
    await asyncio.gather(*tasks)


class OpenEnd(Lull):
    """Lasts until it is said to be over."""

    is_over = False

    def left(self, present: int) -> float:
        return 0.0 if self.is_over else super().left(present) and 0.001


async def test_those_who_were_answered_together_are_waited_for_and_go_together_again() -> None:
    calls, lull = Calls(), OpenEnd(60)
    calls.may.set()
    gatherer: Gatherer[int, int] = Gatherer(each_told(calls), up_to(9), lull=lull)
    await asyncio.gather(*await begun(gatherer, 1, 2))
    lull.begin(2, time.monotonic() - 120)
    tasks = await begun(gatherer, 3)
    assert calls.seen == [[1, 2]]
    tasks += await begun(gatherer, 4)
    assert await asyncio.gather(*tasks) == [6, 8]
    assert calls.seen == [[1, 2], [3, 4]]


async def test_who_does_not_come_again_is_waited_for_until_the_lull_is_over() -> None:
    calls, lull = Calls(), OpenEnd(60)
    calls.may.set()
    gatherer: Gatherer[int, int] = Gatherer(each_told(calls), up_to(9), lull=lull)
    lull.begin(2, time.monotonic() - 120)
    tasks = await begun(gatherer, 1)
    assert calls.seen == []
    lull.is_over = True
    assert await asyncio.gather(*tasks) == [2]


def test_a_lull_is_half_as_long_as_the_call_before_it_at_most() -> None:
    lull = Lull(60, clock=lambda: 1024.0)
    lull.begin(3, 1004.0)
    assert (lull.left(2), lull.left(3)) == (10, 0)
    lull.begin(3, 24.0)
    assert lull.left(2) == 60


def test_whoever_is_alone_waits_for_nobody() -> None:
    lull = Lull(60)
    lull.begin(1, time.monotonic() - 120)
    assert lull.left(1) == 0
