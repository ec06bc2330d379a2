"""Values of large tuples are worked out once."""

from __future__ import annotations

from fhir_api.model.derived import LARGE, Derived


def test_a_large_tuple_is_worked_out_once_and_an_equal_one_by_itself():
    asked: list[tuple[int, ...]] = []

    def summed(members: tuple[int, ...]) -> int:
        asked.append(members)
        return sum(members)

    derived = Derived[int, int](summed)
    first, second = tuple(range(LARGE)), tuple(range(LARGE))
    assert [derived.of(each) for each in (first, second, first, second)] == [sum(first)] * 4
    assert len(asked) == 2


def test_no_more_than_some_are_kept_and_none_is_taken_for_another():
    derived = Derived[int, int](sum)
    for start in range(1000):
        members = tuple(range(start, start + LARGE))
        assert derived.of(members) == sum(members)
    assert len(derived._known) <= 64
