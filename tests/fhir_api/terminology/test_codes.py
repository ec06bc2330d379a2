"""Truth with three values, and sets of codes that may not be listed."""

from __future__ import annotations

import pytest

from fhir_api.terminology.codes import UNKNOWN, UNKNOWN_CODES, Codes, Membership, both, either, listed, opposite

TRUTHS = (True, False, None)
EVEN = Codes(lambda code: int(code) % 2 == 0)
SMALL = listed(frozenset({"1", "2", "3"}))


@pytest.mark.parametrize("first", TRUTHS)
@pytest.mark.parametrize("second", TRUTHS)
def test_truth_with_three_values(first: bool | None, second: bool | None) -> None:
    assert either(first, second) is either(second, first)
    assert both(first, second) is opposite(either(opposite(first), opposite(second)))


def test_what_cannot_be_told_counts_only_where_it_matters() -> None:
    assert either(None, True) is True
    assert either(None, False) is None
    assert both(None, False) is False
    assert both(None, True) is None


def test_lists_stay_lists() -> None:
    other = listed(frozenset({"3", "4"}))
    assert (SMALL | other).listed == frozenset({"1", "2", "3", "4"})
    assert (SMALL & other).listed == frozenset({"3"})
    assert (SMALL - other).listed == frozenset({"1", "2"})


def test_rules_are_asked() -> None:
    assert [(SMALL & EVEN).contains(code) for code in ("1", "2", "4")] == [False, True, False]
    assert [(SMALL | EVEN).contains(code) for code in ("1", "4", "5")] == [True, True, False]
    assert [(SMALL - EVEN).contains(code) for code in ("1", "2", "5")] == [True, False, False]
    assert (SMALL | EVEN).listed is None


def test_unknown_codes_make_only_what_they_touch_unknown() -> None:
    assert (SMALL | UNKNOWN_CODES).contains("1") is True
    assert (SMALL | UNKNOWN_CODES).contains("9") is None
    assert (SMALL - UNKNOWN_CODES).contains("9") is False
    assert (SMALL - UNKNOWN_CODES).contains("1") is None


def test_rules_over_rules_ask_each_of_them_once() -> None:
    asked: list[str] = []

    def contains(code: str) -> bool | None:
        asked.append(code)
        return None

    codes = Codes(contains)
    for _ in range(40):
        codes = codes | codes
    assert codes.contains("a") is None
    assert asked == ["a", "a"]


def test_a_fold_survives_being_combined() -> None:
    folding = listed(frozenset({"A"}), str.upper)
    assert (folding | listed(frozenset({"B"}))).contains("a") is True


def test_memberships_are_combined_by_system() -> None:
    first, second = Membership({"s": SMALL}), Membership({"s": listed(frozenset({"3"})), "t": SMALL})
    assert (first & second).of("s").listed == frozenset({"3"})
    assert (first & second).of("t").listed == frozenset()
    assert (first | second).of("t").contains("1") is True
    assert (second - first).of("s").listed == frozenset()
    assert (first | UNKNOWN).of("t").contains("1") is None
    assert (first & UNKNOWN).of("s").contains("9") is False
