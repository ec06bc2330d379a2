"""Make the tables of language subtags and currencies.

``python -m fhir_api.terminology.registries_build --subtags registry.json --currencies table.xml``: the first file is
the IANA registry as the distribution ``language-tags`` carries it, the second list one of ISO 4217 as ``iso4217`` does.
The table of countries is short and changes every few years: it is edited by hand.

Spec: https://www.iana.org/assignments/language-subtag-registry
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from typing import Any, Final

import msgspec
import orjson
from lxml import etree

from fhir_api.terminology.registries import DATA, Currency, Subtags

_KINDS: Final = ("language", "extlang", "script", "region", "variant", "grandfathered")
_RANGE: Final = re.compile(r"([a-z]+)\.\.([a-z]+)")
_WITHDRAWN: Final = {
    "ANG": "Netherlands Antillean Guilder",
    "BGN": "Bulgarian Lev",
    "BYR": "Belarusian Ruble (2000-2016)",
    "CUC": "Peso Convertible",
    "HRK": "Kuna",
    "LTL": "Lithuanian Litas",
    "MRO": "Ouguiya (1973-2017)",
    "SLL": "Leone (1964-2023)",
    "STD": "Dobra (1977-2017)",
    "VEF": "Bolívar (2008-2018)",
    "ZWL": "Zimbabwe Dollar",
}
"""Currencies withdrawn since 2015: older records have them, and rightly so."""


def subtags(registry: Iterable[Mapping[str, Any]]) -> Iterator[Subtags]:
    """Yield the subtags of each kind; ranges are spelled out."""
    codes: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    for record in registry:
        if record.get("Type") in codes:
            codes[record["Type"]].update(_each((record.get("Subtag") or record["Tag"]).lower()))
    for kind in _KINDS:
        yield Subtags(kind, tuple(sorted(codes[kind])))


def _each(subtag: str) -> Iterator[str]:
    bounds = _RANGE.fullmatch(subtag)
    if bounds is None:
        yield subtag
        return
    first, last = bounds.groups()
    every = map("".join, product(ascii_lowercase, repeat=len(first)))
    yield from (code for code in every if first <= code <= last)


def currencies(root: etree._Element) -> list[Currency]:
    """Return the currencies sorted by code."""
    rows = ((row.findtext("Ccy"), row.findtext("CcyNm")) for row in root.iter("CcyNtry"))
    names = _WITHDRAWN | {code: name for code, name in rows if code and name}
    return [Currency(code, names[code]) for code in sorted(names)]


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(prog="python -m fhir_api.terminology.registries_build", description=__doc__)
    parser.add_argument("--subtags", type=Path, required=True, help="registry.json of the distribution language-tags")
    parser.add_argument("--currencies", type=Path, required=True, help="table.xml of the distribution iso4217")
    parser.add_argument("--to", type=Path, default=DATA, help="folder to write to")
    options = parser.parse_args()
    encoder = msgspec.json.Encoder()
    registry = subtags(orjson.loads(options.subtags.read_bytes()))
    (options.to / "subtags.jsonl").write_bytes(encoder.encode_lines(list(registry)))
    table = etree.parse(options.currencies).getroot()
    (options.to / "currencies.jsonl").write_bytes(encoder.encode_lines(currencies(table)))


if __name__ == "__main__":
    main()
