"""Regular expressions of one request share a bound on their time."""

from __future__ import annotations

import asyncio
from contextvars import Context

import pytest
import regex

from fhir_api.fhirpath import patience
from fhir_api.fhirpath.patience import within_patience

SLOW = regex.compile("(a|aa)+$")
TEXT = "a" * 60 + "!"


def slow(seconds: float) -> object:
    return SLOW.fullmatch(TEXT, timeout=seconds)


async def test_slow_matches_use_up_the_time_of_their_task_and_of_no_other(monkeypatch):
    monkeypatch.setattr(patience, "MATCH_SECONDS", 0.02)
    monkeypatch.setattr(patience, "TOGETHER_SECONDS", 0.05)
    given: list[float] = []

    def noted(seconds: float) -> object:
        given.append(seconds)
        return slow(seconds)

    async def request() -> None:
        for _ in range(10):
            with pytest.raises(TimeoutError):
                within_patience(noted)

    await asyncio.create_task(request(), context=Context())
    assert 2 <= len(given) <= 3  # the others were refused before they began
    assert Context().run(within_patience, lambda _: "quick") == "quick"


def test_what_runs_for_long_gets_its_time_anew(monkeypatch):
    monkeypatch.setattr(patience, "TOGETHER_SECONDS", 0.01)
    clock = [100.0]
    monkeypatch.setattr(patience, "monotonic", lambda: clock[0])

    def takes_a_second(_seconds: float) -> str:
        clock[0] += 1.0
        return "found"

    task = Context()
    assert task.run(within_patience, takes_a_second) == "found"
    with pytest.raises(TimeoutError):
        task.run(within_patience, takes_a_second)
    clock[0] += 60.0
    assert task.run(within_patience, takes_a_second) == "found"
