"""UCUM: read unit expressions and reduce them to base units, exactly.

Spec: https://ucum.org/ucum
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

_DATA: Final = Path(__file__).parent / "data" / "ucum.jsonl"
_COMPONENT: Final = re.compile(
    r"""
    (?P<open>\()
    |(?:(?P<symbol>10[*^]|(?:\[[!-Z\\^-~]+\]|[!"#$%&'*,:-Z\\^_`a-z|~])+)(?P<exponent>[+-]?\d+)?|(?P<factor>\d+))
     (?P<annotation>\{[ -z|~]*\})?
    |(?P<lone>\{[ -z|~]*\})
    """,
    re.VERBOSE,
)
# UCUM has neither spaces in annotations nor annotations after brackets; the common UCUM codes of R4 have both
_AFTER_BRACKET: Final = re.compile(r"\{[ -z|~]*\}")
MAX_LENGTH: Final = 255
_MAX_EXPONENT: Final = 99


class UnitRow(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One row of the table: a prefix, a base unit, or a unit defined by another.

    Attributes:
        kind: ``prefix | base | unit | arbitrary``.
        code: case-sensitive symbol.
        value: how many of *unit* it is, as written.
        unit: unit expression.
        function: of a special unit: what takes its number to *unit*.
        is_metric: whether it may carry a prefix.
    """

    kind: str
    code: str
    value: str = "1"
    unit: str = "1"
    function: str = ""
    is_metric: bool = False


Dimension = tuple[tuple[str, int], ...]
"""Base units with their exponents, sorted."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How a number in a unit becomes a number in base units.

    Attributes:
        factor: base units in one unit.
        function: the name of a special unit's function, empty for a proportional unit.
        prefix: of a special unit, applied to the number before the function.
    """

    factor: Fraction
    function: str = ""
    prefix: Fraction = Fraction(1)

    def of(self, number: Fraction) -> Fraction:
        """Return *number* in base units."""
        if not self.function:
            return number * self.factor
        return _FUNCTIONS[self.function][0](number * self.prefix) * self.factor

    def back(self, number: Fraction) -> Fraction:
        """Return a number in base units as a number in this unit."""
        if not self.function:
            return number / self.factor
        return _FUNCTIONS[self.function][1](number / self.factor) / self.prefix


class Canonical(NamedTuple):
    """A unit expression reduced to base units."""

    scale: Scale
    dimension: Dimension


class UcumError(ValueError):
    """A text is no UCUM unit; the message says what was found and expected."""


@lru_cache(maxsize=4096)
def canonical(unit: str) -> Canonical | None:
    """Return *unit* in base units, None where it is no UCUM unit."""
    try:
        return parse(unit)
    except UcumError:
        return None


def parse(unit: str) -> Canonical:
    """Return *unit* in base units.

    Raises:
        UcumError: *unit* is no UCUM unit.
    """
    if not unit or len(unit) > MAX_LENGTH:
        raise UcumError(f"expected a unit of 1 to {MAX_LENGTH} characters")
    reader = _Reader(unit)
    term = reader.term()
    if reader.offset != len(unit):
        raise reader.unexpected("'.', '/' or the end of the unit")
    return term


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0

    def term(self) -> Canonical:
        result = _UNITY
        sign = -1 if self._takes("/") else 1
        while True:
            result = _product(result, self._component(), sign)
            if self._takes("."):
                sign = 1
            elif self._takes("/"):
                sign = -1
            else:
                return result

    def unexpected(self, expected: str) -> UcumError:
        found = self.text[self.offset : self.offset + 1]
        return UcumError(f"expected {expected} at {self.offset}, found {found!r}" if found else f"expected {expected}")

    def _takes(self, sign: str) -> bool:
        taken = self.text.startswith(sign, self.offset)
        self.offset += taken
        return taken

    def _component(self) -> Canonical:
        match = _COMPONENT.match(self.text, self.offset)
        if match is None:
            raise self.unexpected("a unit")
        start, self.offset = self.offset, match.end()
        if match["open"]:
            term = self.term()
            if not self._takes(")"):
                raise self.unexpected("')'")
            annotation = _AFTER_BRACKET.match(self.text, self.offset)
            self.offset = annotation.end() if annotation else self.offset
            return term
        if match["symbol"]:
            return _power(_symbol(match["symbol"], start), int(match["exponent"] or 1), match["symbol"])
        if match["factor"]:
            if not int(match["factor"]):
                raise UcumError("a factor cannot be zero")
            return Canonical(Scale(Fraction(match["factor"])), ())
        return _UNITY


def _symbol(symbol: str, offset: int) -> Canonical:
    known = _table()
    if symbol in known:
        return _defined(symbol)
    for length in (2, 1):
        prefix, rest = known.get(f"prefix {symbol[:length]}"), known.get(symbol[length:])
        if prefix is not None and rest is not None and rest.is_metric:
            return _prefixed(_defined(symbol[length:]), Fraction(prefix.value))
    raise UcumError(f"unknown unit {symbol!r} at {offset}")


@lru_cache(maxsize=1024)
def _defined(symbol: str) -> Canonical:
    row = _table()[symbol]
    if row.kind == "base" or (row.kind == "arbitrary" and row.unit == "1"):
        # an arbitrary unit measures what its procedure defines, so it is comparable only with itself
        return Canonical(Scale(Fraction(1)), ((symbol, 1),))
    unit = parse(row.unit)
    return Canonical(Scale(Fraction(row.value) * unit.scale.factor, row.function), unit.dimension)


def _prefixed(unit: Canonical, prefix: Fraction) -> Canonical:
    scale = unit.scale
    if scale.function:
        return Canonical(Scale(scale.factor, scale.function, prefix), unit.dimension)
    return Canonical(Scale(scale.factor * prefix), unit.dimension)


def _power(unit: Canonical, exponent: int, symbol: str) -> Canonical:
    if exponent == 1:
        return unit
    if unit.scale.function:
        raise UcumError(f"the special unit {symbol!r} takes no exponent")
    if abs(exponent) > _MAX_EXPONENT:
        raise UcumError(f"the exponent of {symbol!r} is too large")
    dimension = tuple((base, power * exponent) for base, power in unit.dimension) if exponent else ()
    return Canonical(Scale(unit.scale.factor**exponent), dimension)


def _product(left: Canonical, right: Canonical, sign: int) -> Canonical:
    if left == _UNITY and sign == 1:
        return right
    if right == _UNITY:
        return left
    if left.scale.function or right.scale.function:
        raise UcumError("a special unit stands alone")
    powers = dict(left.dimension)
    for base, power in right.dimension:
        powers[base] = powers.get(base, 0) + sign * power
    dimension = tuple(sorted((base, power) for base, power in powers.items() if power))
    return Canonical(Scale(left.scale.factor * right.scale.factor**sign), dimension)


@cache
def _table() -> Mapping[str, UnitRow]:
    rows = msgspec.json.Decoder(UnitRow).decode_lines(_DATA.read_bytes())
    return {f"prefix {row.code}" if row.kind == "prefix" else row.code: row for row in rows}


_UNITY: Final = Canonical(Scale(Fraction(1)), ())

_Function = Callable[[Fraction], Fraction]


def _offset(zero: Fraction) -> tuple[_Function, _Function]:
    return lambda number: number + zero, lambda number: number - zero


def _logarithm(base: float, times: int) -> tuple[_Function, _Function]:
    return (
        lambda number: Fraction(base ** (float(number) / times)),
        lambda number: Fraction(times * math.log(float(number), base)),
    )


_TANGENT: Final[tuple[_Function, _Function]] = (
    lambda number: Fraction(math.atan(float(number) / 100)),
    lambda number: Fraction(100 * math.tan(float(number))),
)
_SQUARE_ROOT: Final[tuple[_Function, _Function]] = (
    lambda number: number * number,
    lambda number: Fraction(math.sqrt(float(number))),
)
_FUNCTIONS: Final[Mapping[str, tuple[_Function, _Function]]] = {
    "Cel": _offset(Fraction("273.15")),
    "degF": _offset(Fraction("459.67")),
    "degRe": _offset(Fraction("218.52")),
    "pH": _logarithm(10, -1),
    "ln": _logarithm(math.e, 1),
    "lg": _logarithm(10, 1),
    "lgTimes2": _logarithm(10, 2),
    "ld": _logarithm(2, 1),
    "hpX": _logarithm(10, -1),
    "hpC": _logarithm(100, -1),
    "hpM": _logarithm(1000, -1),
    "hpQ": _logarithm(50000, -1),
    "tanTimes100": _TANGENT,
    "100tan": _TANGENT,
    "sqrt": _SQUARE_ROOT,
}
"""From the number of a special unit to its proportional unit, and back (UCUM §21, §22)."""
