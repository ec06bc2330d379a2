"""Codes that carry a check digit: a wrong one is certainly no code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_SNOMED: Final = re.compile(r"[1-9][0-9]{5,17}")
_EXPRESSION: Final = re.compile(r"[:+{}=,()|\s<>]")
_CONCEPTS: Final = frozenset({"00", "10"})
"""The partitions of concepts, the two digits before the last; others are of descriptions and relationships."""
_LOINC: Final = re.compile(r"[1-9][0-9]{0,6}-[0-9]")
_LOINC_PART: Final = re.compile(r"(?:LP|LA|LL|LG|MTHU)[0-9]+-[0-9]")
_LOINC_OTHER: Final = re.compile(r"MTHU[0-9]+|LP[0-9]+")


def _dihedral() -> Sequence[Sequence[int]]:
    """Return the multiplication of the symmetries of a pentagon: 0 to 4 turn it, 5 to 9 turn it over too."""

    def product(left: int, right: int) -> int:
        turn = (left + right) % 5 if left < 5 else (left - right) % 5  # noqa: PLR2004 - the pentagon's five corners
        return turn + 5 * ((left >= 5) != (right >= 5))  # noqa: PLR2004 - the same

    return [[product(left, right) for right in range(10)] for left in range(10)]


def _permutations() -> Sequence[Sequence[int]]:
    """Return the permutation of the digits for each position, counted from the right."""
    first = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    powers: list[Sequence[int]] = [range(10)]
    for _ in range(7):
        powers.append([first[digit] for digit in powers[-1]])
    return powers


_PRODUCT: Final = _dihedral()
_PERMUTED: Final = _permutations()


def is_snomed(code: str) -> bool:
    """Tell whether a text can be a SNOMED CT code: an identifier with a right check digit, or an expression.

    Spec: https://confluence.ihtsdotools.org/display/DOCRELFMT/6.3+Check-digit
    """
    if _EXPRESSION.search(code):
        return True
    return _SNOMED.fullmatch(code) is not None and code[-3:-1] in _CONCEPTS and verhoeff(code) == 0


def verhoeff(digits: str) -> int:
    """Return Verhoeff's sum of digits, 0 where the last one is right."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        total = _PRODUCT[total][_PERMUTED[position % 8][int(digit)]]
    return total


def is_loinc(code: str) -> bool:
    """Tell whether a text can be a LOINC code: a number, or a letter prefix and a number, with a right check digit.

    Spec: https://loinc.org/kb/users-guide/loinc-codes
    """
    if _LOINC.fullmatch(code):
        return luhn(code.replace("-", "")) == 0
    return _LOINC_PART.fullmatch(code) is not None or _LOINC_OTHER.fullmatch(code) is not None


def luhn(digits: str) -> int:
    """Return the sum of digits modulo 10 in which every second one from the right counts double, 0 if all is right."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(doubled)) % 10
