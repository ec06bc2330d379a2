"""Looks that go on whatever the last one came to."""

from __future__ import annotations

import asyncio
import logging

import pytest

from adapters.hl7.looking_again import again_and_again
from adapters.hl7.store.port import UnavailableError


async def test_a_look_that_fails_is_told_of_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    results = iter((UnavailableError("away"), ValueError("wrong"), None, asyncio.CancelledError()))
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        if (result := next(results)) is not None:
            raise result

    with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        await again_and_again(look, 0, "nothing was looked at")
    assert looks == 4
    assert [record.getMessage() for record in caplog.records] == [
        "the message store does not answer: away",
        "nothing was looked at",
    ]
    assert [record.exc_info is not None for record in caplog.records] == [False, True]
