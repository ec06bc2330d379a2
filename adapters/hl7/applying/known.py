"""Resources that messages name again and again: organizations, wards, practitioners, devices.

A message creates them where they do not exist. Once one was seen to exist, the entries for it are left out for a while
and references name it: what is looked up for each message is then little more than the patient.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from adapters.hl7.applying.sending import created
from adapters.hl7.applying.server import Json

SECONDS = 300
"""How long a resource counts as there; somebody may delete it meanwhile."""
MOST = 50_000


class Known:
    """What is known to exist on one server, by the ``fullUrl`` that messages give it."""

    def __init__(self, now: Callable[[], int]) -> None:
        """Remember for as long as *now*, in milliseconds since 1970, says."""
        self._now = now
        self._references: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def shorten(self, bundle: Json) -> None:
        """Leave out of *bundle* what is known to exist, and have references name it."""
        now = self._now()
        found = {
            entry["fullUrl"]: known[0]
            for entry in bundle["entry"]
            if created(entry) is not None
            and (known := self._references.get(entry["fullUrl"])) is not None
            and now < known[1]
        }
        if found:
            bundle["entry"] = [entry for entry in bundle["entry"] if entry["fullUrl"] not in found]
            for entry in bundle["entry"]:
                _refer(entry["resource"], found)

    def learn(self, entries: Sequence[Json], locations: Sequence[str | None]) -> None:
        """Take in where the server has the resources of *entries*."""
        until = self._now() + SECONDS * 1000
        for entry, location in zip(entries, locations, strict=True):
            if created(entry) is not None and location is not None:
                reference = "/".join(location.split("/_history/")[0].rsplit("/", 2)[-2:])
                self._references[entry["fullUrl"]] = (reference, until)
                self._references.move_to_end(entry["fullUrl"])
        while len(self._references) > MOST:
            self._references.popitem(last=False)


def _refer(element: Any, references: dict[str, str]) -> None:
    """Replace in *element*, in place, the references that *references* has."""
    if isinstance(element, dict):
        reference = element.get("reference")
        if isinstance(reference, str) and reference in references:
            element["reference"] = references[reference]
        for value in element.values():
            _refer(value, references)
    elif isinstance(element, list):
        for item in element:
            _refer(item, references)
