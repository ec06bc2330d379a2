"""The tables of codes that ship."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import pytest
from lxml import etree

from fhir_api.terminology import registries_build
from fhir_api.terminology.registries import Currency, countries, currencies, subtags

REGISTRY = [
    {"File-Date": "2024-05-16"},
    {"Type": "language", "Subtag": "rw"},
    {"Type": "language", "Subtag": "qaa..qac"},
    {"Type": "script", "Subtag": "Latn"},
    {"Type": "redundant", "Tag": "zh-Hant"},
    {"Type": "grandfathered", "Tag": "en-GB-oed"},
]
TABLE = b"""<ISO_4217><CcyTbl>
<CcyNtry><CtryNm>RWANDA</CtryNm><CcyNm>Rwanda Franc</CcyNm><Ccy>RWF</Ccy></CcyNtry>
<CcyNtry><CtryNm>ANTARCTICA</CtryNm><CcyNm>No universal currency</CcyNm></CcyNtry>
</CcyTbl></ISO_4217>"""


def test_subtags_by_kind() -> None:
    rows = {row.kind: row.subtags for row in registries_build.subtags(REGISTRY)}
    assert rows == {
        "language": ("qaa", "qab", "qac", "rw"), "extlang": (), "script": ("latn",), "region": (), "variant": (),
        "grandfathered": ("en-gb-oed",),
    }  # fmt: skip


def test_currencies_with_those_withdrawn_lately() -> None:
    rows = registries_build.currencies(etree.fromstring(TABLE))
    assert Currency("RWF", "Rwanda Franc") in rows
    assert Currency("HRK", "Kuna") in rows
    assert [row.code for row in rows] == sorted(row.code for row in rows)


def test_the_command_writes_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, table = tmp_path / "registry.json", tmp_path / "table.xml"
    registry.write_bytes(orjson.dumps(REGISTRY))
    table.write_bytes(TABLE)
    words = ["registries_build", "--subtags", str(registry), "--currencies", str(table), "--to", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    registries_build.main()
    assert b'"qab"' in (tmp_path / "subtags.jsonl").read_bytes()
    assert b'{"code":"RWF","name":"Rwanda Franc"}' in (tmp_path / "currencies.jsonl").read_bytes()


def test_what_ships_is_whole() -> None:
    kinds = subtags()
    assert set(kinds) == {row.kind for row in registries_build.subtags([])}
    assert {"rw", "sw", "nyn", "qaz"} <= kinds["language"]
    assert {len(code) for code in kinds["region"]} == {2, 3}
    assert len(list(currencies())) > 180
    assert len({country.alpha_3 for country in countries()}) == len({country.numeric for country in countries()}) == 249
