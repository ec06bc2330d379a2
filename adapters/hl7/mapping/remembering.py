"""Elements that are made of the same few texts again and again, such as codes and units: each text is read once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from adapters.hl7.mapping.datatypes import Asker
from adapters.hl7.mapping.run import Place, Run
from adapters.hl7.mapping.targets import Building, Made

Fill = Callable[[Run, Building, str, Place, int, Asker], bool]
"""Fills an element from a text at a place; tells whether anything was there."""

REMEMBERED = frozenset({"CodeableConcept", "Coding", "Quantity"})
_MOST = 4096
"""Texts that are remembered for each row."""


class _Known(NamedTuple):
    """What a text becomes.

    Attributes:
        parts: the keys and values of the element.
        names: its elements, which are not to be there yet.
        used: parts of the text that were mapped.
        done: whether anything was there.
    """

    parts: tuple[tuple[Any, Any], ...]
    names: frozenset[str]
    used: tuple[Place, ...]
    done: bool


def remembering(fill: Fill) -> Fill:
    """Return what fills an element as *fill* does, and as it did before from the same text."""
    known: dict[tuple[str, int], _Known | None] = {}

    def filled(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        if not run.is_usual or run.escape in text:
            return fill(run, content, text, place, scope, source)
        key = (text, len(place))
        if key not in known:
            if len(known) >= _MOST:
                return fill(run, content, text, place, scope, source)
            known[key] = _learned(fill, run, text, place, source)
        found = known[key]
        if found is None or (content and any(_name(name) in found.names for name in content)):
            return fill(run, content, text, place, scope, source)
        for name, each in found.parts:
            own = (name[0], name[1], scope) if type(name) is tuple else name
            content[own] = each.copy() if type(each) is dict else each
        run.used += [place + each for each in found.used]
        return found.done

    return filled


def _learned(fill: Fill, run: Run, text: str, place: Place, source: Asker) -> _Known | None:
    """Return what *text* becomes; None where the message is told of something, or a part has parts of its own."""
    tried = run.apart()
    element: Building = {}
    done = fill(tried, element, text, place, 0, source)
    if (
        tried.refused
        or tried.unmapped
        or not all(type(each) is not dict or _is_flat(each) for each in element.values())
    ):
        return None
    used = tuple(each[len(place) :] for each in tried.used)
    return _Known(tuple(element.items()), frozenset(_name(name) for name in element), used, done)


def _name(key: Any) -> str:
    name: str = key[0] if type(key) is tuple else key
    return name


def _is_flat(element: Building) -> bool:
    return not any(type(each) is dict or type(each) is Made for each in element.values())
