"""Conditions of mapping rows are parsed and asked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mappings.conditions import All, Any, Kind, Operand, Question, compile_condition, parse_condition
from mappings.errors import MappingError


class Values:
    """A message of a few values: ``PID-3.1`` to its repetitions."""

    def __init__(self, values: dict[str, list[str]]) -> None:
        self._values = values

    def values(self, operand: Operand) -> Sequence[str]:
        text = operand.name + "".join(f"-{each}" for each in operand[1:] if each)
        return self._values.get(text, [])

    def count(self, operand: Operand) -> int:
        return len(self.values(operand))


MESSAGE = Values({"PID-3-1": ["a", "b"], "PID-8": ["F"], "PID-7": ["199001011200"], "OBX-2": ["SN"], "": ["self"]})


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("IF PID-8 VALUED", True),
        ("PID-8 is valued", True),
        ("IF PID-8 IS NOT VALUED", False),
        ("IF PID-9 NOT VAlUED", True),
        ("IF PID-9 IS EMPTY", True),
        ("IF PID-9 DOES NOT EXIST", True),
        ('IF PID-8 EQUALS "F"', True),
        ("IF PID-8 IS 'F'", True),
        ('IF PID-8 NOT "F"', False),
        ('IF PID-8="F"', True),
        ('IF PID-8 NOT EQUALS "M"', True),
        ('IF PID-8 IS IN ("M", "F")', True),
        ('IF PID-8 NOT IN ("M","F")', False),
        ('IF PID-3.1 IN ("b")', True),
        ("IF PID-3.1 COUNT>1", True),
        ("IF PID-3.1 COUNT=1", False),
        ("IF PID-3.1 LST.count GREATER THAN 1", True),
        ("IF PID-3.1 LST.count LESS THAN OR EQUALS 2", True),
        ("IF PID-3.1 COUNT >= 3", False),
        ("IF PID-7 LENGTH GREATER THAN 8", True),
        ("IF PID-9 LENGTH LESS THAN 1", True),
        ("IF PID-8 AND PID-9 VALUED", False),
        ("IF PID-8 OR PID-9 VALUED", True),
        ("IF PID-9 AND PID-10 AND PID-11 NOT VALUED", True),
        ('IF PID-8 VALUED AND NOT "M"', True),
        ("IF NOT VALUED", False),
        ('IF EQUALS "self"', True),
        ('IF PID-9 VALUED OR PID-8 VALUED AND OBX-2 EQUALS "SN"', True),
        ('IF (PID-9 VALUED OR PID-8 VALUED) AND OBX-2 EQUALS "NM"', False),
        ("IF PID-9 NOT VALUED AND (IF PID-8 IS VALUED AND PID-7 IS VALUED)", True),
        ("IF PID-8 EQUALS PID-8", True),
        ("IF PID-8 EQUALS PID-9", False),
    ],
)
def test_a_condition_is_asked_of_a_message(text, holds):
    assert compile_condition(parse_condition(text))(MESSAGE) is holds


def test_and_binds_closer_than_or():
    a, b, c = (Question(Operand("PID", number), Kind.VALUED) for number in (1, 2, 3))
    assert parse_condition("PID-1 VALUED OR PID-2 VALUED AND PID-3 VALUED") == Any((a, All((b, c))))
    assert parse_condition("(PID-1 VALUED OR PID-2 VALUED) AND PID-3 VALUED") == All((Any((a, b)), c))


def test_an_operand_without_test_has_that_of_the_next():
    count = Question(Operand("PID", 3), Kind.COUNT, comparison=">", number=1)
    assert parse_condition("IF PID-2 AND PID-3 COUNT>1") == All(
        (Question(Operand("PID", 2), Kind.COUNT, comparison=">", number=1), count)
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "the end"),
        ("IF", "the end"),
        ("PID-8", "a test"),
        ("PID-8 VALUED AND PID-9", "a test"),
        ("PID-8 VALUED PID-9 VALUED", "expected the end"),
        ("(PID-8 VALUED", r"expected \)"),
        ('PID-8 IN ("a"', r"expected \)"),
        ("PID-8 IN ()", "a text in quotes"),
        ("PID-8 COUNT", "a comparison"),
        ("PID-8 COUNT > x1", "a number"),
        ("PID-8 EQUALS 7", "a text in quotes"),
        ('PID-8 EQUALS "open', "not understood"),
        ("pid VALUED", "a place such as"),
    ],
)
def test_what_does_not_follow_the_grammar_says_where(text, word):
    with pytest.raises(MappingError, match=word):
        parse_condition(text)
