"""The table of units is made from the specification's file."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest
from lxml import etree

from fhir_api.fhirpath import units_build
from fhir_api.fhirpath.ucum import UnitRow

ESSENCE = """<root xmlns="http://unitsofmeasure.org/ucum-essence">
  <prefix Code="k" CODE="K"><name>kilo</name><value value="1e3"/></prefix>
  <base-unit Code="m" CODE="M" dim="L"/>
  <unit Code="Cel" isMetric="yes" isSpecial="yes">
    <value Unit="cel(1 K)"><function name="Cel" value="1" Unit="K"/></value>
  </unit>
  <unit Code="[iU]" isMetric="yes" isArbitrary="yes"><value Unit="1" value="1"/></unit>
  <unit Code="[ft_i]" isMetric="no"><value Unit="[in_i]" value="12"/></unit>
</root>"""

EXPECTED = [
    UnitRow("prefix", "k", value="1e3"),
    UnitRow("base", "m", is_metric=True),
    UnitRow("unit", "Cel", unit="K", function="Cel", is_metric=True),
    UnitRow("arbitrary", "[iU]", is_metric=True),
    UnitRow("unit", "[ft_i]", value="12", unit="[in_i]"),
]


def test_rows() -> None:
    assert list(units_build.rows(etree.fromstring(ESSENCE))) == EXPECTED


def test_a_unit_without_value_is_refused() -> None:
    broken = etree.fromstring('<root xmlns="http://unitsofmeasure.org/ucum-essence"><prefix Code="k"/></root>')
    with pytest.raises(ValueError, match="expected <value>"):
        list(units_build.rows(broken))


def test_the_command_writes_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "essence.xml", tmp_path / "ucum.jsonl"
    source.write_text(ESSENCE)
    monkeypatch.setattr(units_build, "_TARGET", target)
    monkeypatch.setattr(sys, "argv", ["units_build", "--source", str(source)])
    units_build.main()
    assert msgspec.json.Decoder(UnitRow).decode_lines(target.read_bytes()) == EXPECTED
