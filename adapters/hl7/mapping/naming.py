"""Names of persons: joined to one text, or written in one field."""

from __future__ import annotations

from adapters.hl7.encoding.segment import NULL
from adapters.hl7.mapping.run import Place, Run, leaf
from adapters.hl7.mapping.targets import Building

_ORDER = (5, 2, 3, 1, 4)
"""Parts of a name (XPN) as people say them: prefix, given names, family name, suffix."""


def full_name(run: Run, _content: Building, text: str, place: Place) -> str | None:
    """Return a name (XPN) as one text: prefix, given names, family name, suffix."""
    parts = [run.read(part) for part in run.parts(text, place)]
    words = [parts[number - 1] for number in _ORDER if number <= len(parts)]
    for number in _ORDER:
        if number <= len(parts) and parts[number - 1]:
            run.used.append((*place, number, 1))
    return " ".join(word for word in words if word not in {"", NULL}) or None


def family_name_first(run: Run, content: Building, text: str, place: Place, _scope: int) -> bool:
    """Fill a HumanName from one text that begins with the family name: ``UWASE Diane`` or ``UWASE, Diane``."""
    said = run.read(text).strip()
    family, comma, given = said.partition(",")
    if not comma:
        family, _, given = said.partition(" ")
    return _fill(run, content, place, said, family, given)


def family_name_last(run: Run, content: Building, text: str, place: Place, _scope: int) -> bool:
    """Fill a HumanName from one text that ends with the family name: ``Diane Uwase``."""
    said = run.read(text).strip()
    given, _, family = said.rpartition(" ")
    return _fill(run, content, place, said, family, given)


def _fill(run: Run, content: Building, place: Place, said: str, family: str, given: str) -> bool:
    if said in {"", NULL}:
        return False
    content["text"] = said
    if family.strip():
        content["family"] = family.strip()
    for number, word in enumerate(given.split(), 1):
        content["given", str(number), 0] = word
    run.used.append(leaf(place))
    return True
