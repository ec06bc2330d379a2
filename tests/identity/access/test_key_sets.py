"""Key sets of clients, from the URLs they registered."""

from __future__ import annotations

import asyncio

import pytest
from stanforis.outbound import Answer, OutboundError

from identity.access.hosting.key_sets import KeySets
from tests.support.access import TestClock

URL = "https://client.example/jwks"


class Outside:
    """Gives what it is told to, and counts how often."""

    def __init__(self, answer: Answer | OutboundError) -> None:
        self.answer = answer
        self.asked = 0

    async def fetch(self, url, *, headers=()):
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.answer, OutboundError):
            raise self.answer
        return self.answer


async def test_a_key_set_is_fetched_once_for_all_and_again_when_it_is_old():
    outside, clock = Outside(Answer(200, {}, b'{"keys":[]}')), TestClock()
    key_sets = KeySets(outside, clock)
    for found in await asyncio.gather(key_sets(URL), key_sets(URL)):
        assert found == {"keys": []}
    assert outside.asked == 1
    clock.advance(301)
    await key_sets(URL)
    assert outside.asked == 2


@pytest.mark.parametrize(
    "answer", [OutboundError("refused"), Answer(404), Answer(302), Answer(200, {}, b"<html>"), Answer(200, {}, b"[]")]
)
async def test_what_is_no_key_set_is_none_and_soon_tried_again(answer):
    outside, clock = Outside(answer), TestClock()
    key_sets = KeySets(outside, clock)
    assert await key_sets(URL) is None
    assert await key_sets(URL) is None
    assert outside.asked == 1
    clock.advance(11)
    assert await key_sets(URL) is None
    assert outside.asked == 2
