"""Line and column of elements in XML.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from fhir_api.model.outcome import Location


@dataclass(slots=True)
class _Element:
    """One element with its place.

    Attributes:
        name: local name.
        location: of its start tag.
        below: the elements inside.
    """

    name: str
    location: Location
    below: list[_Element] = field(default_factory=list)


class XmlPositions:
    """The places of the elements of an XML body."""

    def __init__(self, root: _Element) -> None:
        self._root = root

    @classmethod
    def of(cls, raw: bytes) -> XmlPositions | None:
        """Return the places of a body, None if it is not well-formed or has a document type."""
        try:
            return cls(_read(raw))
        except (expat.ExpatError, ValueError, LookupError):
            return None

    def find(self, steps: Sequence[tuple[str, int]]) -> Location | None:
        """Return the place of an element; of the nearest one around it where it is not there."""
        element = self._root
        for name, index in steps:
            found = _step(element, name)
            if not found:
                break
            element = found[min(index, len(found) - 1)]
        return element.location


def _step(element: _Element, name: str) -> list[_Element]:
    below = element.below
    if len(below) == 1 and below[0].name[0].isupper():
        # XML puts a resource into an element of its type: <resource><Patient>
        below = below[0].below
    found = [each for each in below if each.name == name]
    return found or [each for each in below if _is_choice(each.name, name)]


def _is_choice(found: str, name: str) -> bool:
    return found.startswith(name) and found[len(name) : len(name) + 1].isupper()


def _read(raw: bytes) -> _Element:
    parser = expat.ParserCreate(namespace_separator=" ")
    stack = [_Element("", Location(1, 1))]

    def start(name: str, _attributes: dict[str, str]) -> None:
        location = Location(parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
        element = _Element(name.rpartition(" ")[2], location)
        stack[-1].below.append(element)
        stack.append(element)

    def end(_name: str) -> None:
        stack.pop()

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = _refuse
    parser.Parse(raw, True)
    return stack[0].below[0]


def _refuse(*_found: object) -> None:
    raise ValueError("a document type is not read")
