"""A memory forgets what was used longest ago."""

from __future__ import annotations

from fhir_api.packages.memory import Memory


def test_the_one_used_longest_ago_goes_first() -> None:
    memory: Memory[str, int] = Memory(3)
    for number, key in enumerate("abc", 1):
        memory.keep(key, number, 1)
    assert memory.find("a") == 1
    memory.keep("d", 4, 1)
    assert [memory.find(key) for key in "abcd"] == [1, None, 3, 4]
    assert memory.size == 3


def test_what_is_too_large_is_given_back_and_not_kept() -> None:
    memory: Memory[str, int] = Memory(3)
    assert memory.keep("a", 1, 9) == 1
    assert memory.find("a") is None
    assert memory.size == 0


def test_a_value_kept_anew_counts_once() -> None:
    memory: Memory[str, int] = Memory(3)
    memory.keep("a", 1, 2)
    memory.keep("a", 2, 1)
    assert (memory.find("a"), memory.size) == (2, 1)
