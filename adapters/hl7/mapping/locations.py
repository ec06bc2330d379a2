"""Places of a hospital (PL, NDL): the narrowest part is the Location, which is part of the wider ones.

Spec: HL7 v2.8.2 2A.3.52 (PL), https://hl7.org/fhir/R4/location.html
"""

from __future__ import annotations

from typing import NamedTuple

from adapters.hl7.encoding.segment import NULL
from adapters.hl7.mapping.run import Place, Run
from adapters.hl7.mapping.targets import REFERS, Building, Made


class _Level(NamedTuple):
    part: int
    code: str
    display: str


_LEVELS = (
    _Level(3, "bd", "Bed"),
    _Level(2, "ro", "Room"),
    _Level(8, "lvl", "Level"),
    _Level(1, "wa", "Ward"),
    _Level(7, "bu", "Building"),
    _Level(4, "si", "Site"),
)
"""The parts of PL from the narrowest on, with the code of ``location-physical-type``."""
_UNIVERSAL_ID_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0301"
_STATUS = 5
"""Part of PL with its status."""
_STATUSES = frozenset({"active", "suspended", "inactive"})
_COMPREHENSIVE = 10
"""Part of PL with its comprehensive location identifier."""
_PHYSICAL = "http://terminology.hl7.org/CodeSystem/location-physical-type"


def location_chain(run: Run, content: Building, text: str, place: Place, _scope: int) -> bool:
    """Fill a Location with the narrowest part of a PL, and let it be part of the wider ones.

    Spec: HL7 v2.8.2 2A.3.52 (PL), https://hl7.org/fhir/R4/location.html
    """
    parts = run.parts(text, place)
    given = [level for level in _LEVELS if level.part <= len(parts) and parts[level.part - 1] not in {"", NULL}]
    _more_identifiers(run, content, parts, place)
    narrowest = content
    for number, level in enumerate(given):
        if number:
            outer = Made("Location")
            content["partOf"] = {REFERS: outer}
            content = outer.content
        _fill_location(run, content, parts[level.part - 1], (*place, level.part), level)
    if given:
        _status(run, narrowest, parts, place, _STATUS)
    if given and len(parts) > 8 and parts[8] and run.read(parts[8]):  # noqa: PLR2004 - PL.9 describes it
        content["description"] = run.read(parts[8])
        run.used.append((*place, 9, 1))
    return bool(given)


def _more_identifiers(run: Run, content: Building, parts: list[str], place: Place) -> None:
    """Give the narrowest Location the comprehensive identifier of PL.10, assigned by PL.11 or its own authority."""
    pieces = _pieces(run, parts, _COMPREHENSIVE)
    if not pieces or not run.read(pieces[0]):
        return
    identifier: Building = {"value": run.read(pieces[0])}
    run.used.append((*place, _COMPREHENSIVE, 1))
    first, authority = 0, _pieces(run, parts, _COMPREHENSIVE + 1)
    if not authority:
        first, authority = 1, pieces[1:]
    said = [run.read(each) for each in authority]
    if any(said):
        assigner = Made("Organization")
        for number, each in enumerate(said[:2], 1):
            if each:
                assigner.content["identifier", str(number), 0] = {"value": each}
        if len(said) > 2 and said[2] and ("identifier", "2", 0) in assigner.content:  # noqa: PLR2004 - HD.3
            coding = {"system": _UNIVERSAL_ID_TYPE, "code": said[2]}
            assigner.content["identifier", "2", 0]["type"] = {("coding", "1", 0): coding}
        part = _COMPREHENSIVE if first else _COMPREHENSIVE + 1
        run.used += [(*place, part, first + number) for number, each in enumerate(said, 1) if each]
        identifier["assigner"] = {REFERS: assigner}
    content["identifier", "comprehensive", 0] = identifier


def _pieces(run: Run, parts: list[str], number: int) -> list[str]:
    text = parts[number - 1] if number <= len(parts) else ""
    return text.split(run.subcomponent) if text and run.subcomponent else [text] if text else []


def location_of_ndl(run: Run, content: Building, text: str, place: Place, _scope: int) -> bool:
    """Fill a Location with the parts of NDL from the fourth on, which are those of PL in another order.

    Spec: HL7 v2.8.2 2A.3.47 (NDL)
    """
    order = (4, 5, 6, 7, 8, 9, 10, 11)
    parts = run.parts(text, place)
    narrowest = content
    given = [
        (level, number)
        for level in _LEVELS
        if (number := order[level.part - 1]) <= len(parts) and parts[number - 1] not in {"", NULL}
    ]
    for count, (level, number) in enumerate(given):
        if count:
            outer = Made("Location")
            content["partOf"] = {REFERS: outer}
            content = outer.content
        _fill_location(run, content, parts[number - 1], (*place, number), level)
    if given:
        _status(run, narrowest, parts, place, order[_STATUS - 1])
    return bool(given)


def _status(run: Run, content: Building, parts: list[str], place: Place, number: int) -> None:
    """Set the status that part *number* says, where it is one of FHIR's; table 0306 leaves its codes to the sender."""
    said = run.read(parts[number - 1]).lower() if number <= len(parts) else ""
    if said in _STATUSES:
        content["status"] = said
        run.used.append((*place, number, 1))


def _fill_location(run: Run, content: Building, text: str, place: Place, level: _Level) -> None:
    pieces = text.split(run.subcomponent) if run.subcomponent else [text]
    for number, piece in enumerate(pieces[:2], 1):
        said = run.read(piece)
        if said in {"", NULL}:
            continue
        identifier: Building = {"value": said}
        run.used.append((*place, number))
        if number == 2 and len(pieces) > 2 and pieces[2]:  # noqa: PLR2004 - HD.3 says of what kind HD.2 is
            coding = {"system": _UNIVERSAL_ID_TYPE, "code": run.read(pieces[2])}
            identifier = {"type": {("coding", "1", 0): coding}, "value": said}
            run.used.append((*place, 3))
        content["identifier", str(number), 0] = identifier
    content["mode"] = "instance"
    physical = {"system": _PHYSICAL, "code": level.code, "display": level.display}
    content["physicalType"] = {("coding", "1", 0): physical}
