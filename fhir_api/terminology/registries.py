"""Codes of registries outside FHIR that ship as data: language subtags, currencies, countries.

``fhir_api.terminology.registries_build`` makes the data anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

DATA: Final = Path(__file__).parent / "data"


class Subtags(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The registered subtags of one kind, in lower case.

    Attributes:
        kind: ``language | extlang | script | region | variant | grandfathered``.
        subtags: sorted.
    """

    kind: str
    subtags: tuple[str, ...]


class Currency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One currency of ISO 4217.

    Attributes:
        code: three letters.
        name: in English.
    """

    code: str
    name: str


class Country(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One country of ISO 3166-1.

    Attributes:
        alpha_2: two letters.
        alpha_3: three letters.
        numeric: three digits.
    """

    alpha_2: str
    alpha_3: str
    numeric: str


@cache
def subtags() -> dict[str, frozenset[str]]:
    """Return the registered subtags by kind, in lower case."""
    rows = msgspec.json.Decoder(Subtags).decode_lines((DATA / "subtags.jsonl").read_bytes())
    return {row.kind: frozenset(row.subtags) for row in rows}


def currencies() -> Iterator[Currency]:
    """Yield the currencies sorted by code."""
    yield from msgspec.json.Decoder(Currency).decode_lines((DATA / "currencies.jsonl").read_bytes())


def countries() -> Iterator[Country]:
    """Yield the countries sorted by their two letters."""
    yield from msgspec.json.Decoder(Country).decode_lines((DATA / "countries.jsonl").read_bytes())
