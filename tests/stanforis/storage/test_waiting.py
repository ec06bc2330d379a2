"""Outcomes of work that is carried out together."""

from __future__ import annotations

import asyncio

import pytest
from stanforis.storage.waiting import Waiting


async def test_an_outcome_is_handed_over() -> None:
    waiting = Waiting[str, int]("work")
    waiting.tell(3)
    assert await waiting.future == 3


async def test_an_error_is_raised_where_it_is_awaited() -> None:
    waiting = Waiting[str, int]("work")
    waiting.tell(KeyError("x"))
    with pytest.raises(KeyError):
        await waiting.future


async def test_whoever_went_away_is_told_nothing() -> None:
    waiting = Waiting[str, int]("work")
    waiting.future.cancel()
    waiting.tell(3)
    with pytest.raises(asyncio.CancelledError):
        await waiting.future
