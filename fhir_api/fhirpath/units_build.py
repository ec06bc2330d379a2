"""Make the table of UCUM units: ``python -m fhir_api.fhirpath.units_build --source ucum-essence.xml``.

The source is the machine-readable form of the specification, https://github.com/ucum-org/ucum, which the distribution
``ucumvert`` carries as well. The table is committed, so nothing is fetched when the engine runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from lxml import etree

from fhir_api.fhirpath.ucum import UnitRow

_NAMESPACE: Final = "{http://unitsofmeasure.org/ucum-essence}"
_TARGET: Final = Path(__file__).parent / "data" / "ucum.jsonl"


def rows(root: etree._Element) -> Iterator[UnitRow]:
    """Yield the rows of the table in the order of the specification."""
    for prefix in root.iter(f"{_NAMESPACE}prefix"):
        yield UnitRow("prefix", _text(prefix, "Code"), value=_text(_child(prefix, "value"), "value"))
    for base in root.iter(f"{_NAMESPACE}base-unit"):
        yield UnitRow("base", _text(base, "Code"), is_metric=True)
    for unit in root.iter(f"{_NAMESPACE}unit"):
        yield _unit(unit)


def _unit(unit: etree._Element) -> UnitRow:
    value = _child(unit, "value")
    function = value.find(f"{_NAMESPACE}function")
    source = value if function is None else function
    return UnitRow(
        kind="arbitrary" if unit.get("isArbitrary") == "yes" else "unit",
        code=_text(unit, "Code"),
        value=source.get("value", "1"),
        unit=source.get("Unit", "1"),
        function="" if function is None else _text(function, "name"),
        is_metric=unit.get("isMetric") == "yes",
    )


def _text(element: etree._Element, attribute: str) -> str:
    return str(element.attrib[attribute])


def _child(element: etree._Element, name: str) -> etree._Element:
    child = element.find(f"{_NAMESPACE}{name}")
    if child is None:
        raise ValueError(f"expected <{name}> in <{element.tag}>")
    return child


def main() -> None:
    """Read the source that the command line names and write the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--source", type=Path, required=True)
    root = etree.parse(arguments.parse_args().source, etree.XMLParser(resolve_entities=False)).getroot()
    _TARGET.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows(root)))


if __name__ == "__main__":
    main()
