"""What FHIR requires and a message does not say: fixed values by rows.

A row gives an element that is missing a fixed value, such as ``unknown`` for a status, or the reference to the patient of
the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.hl7.mapping.targets import REFERS, Made, elements

Json = dict[str, Any]
ABSENT = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}]}
_UNKNOWN = {
    "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
}


class Defaults:
    """Values of elements that are missing.

    Args:
        rows: ``type``, ``element`` and ``value``: a text in quotes, ``absent()``, or a resource type to refer to.
    """

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        self._values: dict[str, list[tuple[str, str]]] = {}
        self._references: dict[str, list[tuple[str, str]]] = {}
        for row in rows:
            kind = self._references if row["value"][:1].isupper() else self._values
            kind.setdefault(row["type"], []).append((row["element"], row["value"]))

    def references(self, made: Iterable[Made]) -> None:
        """Let resources refer to the one resource of a type that the message tells of, such as the patient."""
        listed = list(made)
        first: dict[str, Made] = {}
        for each in listed:
            if each.content:
                first.setdefault(each.type, each)
        for each in listed:
            for name, kind in self._references.get(each.type, ()):
                referred = first.get(kind)
                if referred is None or referred is each or _has(each, name):
                    continue
                is_list = elements(each.type)[name][0].max != 1
                each.content[(name, "default", 0) if is_list else name] = {REFERS: referred}

    def fill(self, resource: Json) -> None:
        """Give a resource the fixed values of elements that are missing."""
        for name, value in self._values.get(resource["resourceType"], ()):
            *outer, last = name.split(".")
            holder: Any = resource
            for step in outer:
                holder = holder.setdefault(step, {})
            if last in holder or f"_{last}" in holder:
                continue
            if value == "absent()":
                element, kind, _ = elements(resource["resourceType"])[last]
                if kind.code == "CodeableConcept":
                    holder[last] = ABSENT if element.max == 1 else [ABSENT]
                else:
                    holder[f"_{last}"] = _UNKNOWN
            else:
                holder[last] = value.strip('"')


def _has(made: Made, name: str) -> bool:
    return any((key[0] if type(key) is tuple else key) == name for key in made.content)
