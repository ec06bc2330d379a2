"""A synthetic patient's record while it grows, and the manner in which an exporting system writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from stanforis.demo.elements import Tree, profiled

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True)
class Style:
    """How a system writes R4.

    Attributes:
        country: ISO 3166-1 alpha-2; decides names, addresses, identifiers, money, medicines.
        profiles: resources claim US Core profiles and carry what these ask for.
        offset: zone of every time, such as ``+02:00``.
        tags: put into ``meta.tag``.
    """

    country: str = "RW"
    profiles: bool = False
    offset: str = "+02:00"
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def currency(self) -> str:
        """The ISO 4217 code of its money."""
        return "RWF" if self.country == "RW" else "USD"


STYLES = (
    Style(),
    Style(country="US", offset="+00:00"),
    Style(country="US", profiles=True, offset="-05:00", tags=(("urn:stanforis:demo", "synthetic"),)),
)


@dataclass(slots=True)
class Record:
    """One patient's resources in an order in which each comes after those it refers to.

    Attributes:
        chance: where all that varies comes from.
        relative: references read ``Type/id``; otherwise ``urn:uuid:id``, as inside a transaction.
    """

    chance: Random
    style: Style
    relative: bool = False
    resources: list[Tree] = field(default_factory=list)

    def add(self, resource_type: str, profile: str | None, tree: Tree) -> str:
        """Append a resource and return the reference to it; *profile* is the last part of a US Core URL."""
        logical_id = new_uuid(self.chance)
        resource: Tree = {"resourceType": resource_type, "id": logical_id}
        claimed = US_CORE + profile if self.style.profiles and profile else None
        meta = profiled(claimed, [{"system": system, "code": code} for system, code in self.style.tags])
        if meta:
            resource["meta"] = meta
        resource.update((name, value) for name, value in tree.items() if value is not None)
        self.resources.append(resource)
        return self.reference(resource_type, logical_id)

    def reference(self, resource_type: str, logical_id: str) -> str:
        """Return the text that points at a resource of this record."""
        return f"{resource_type}/{logical_id}" if self.relative else f"urn:uuid:{logical_id}"

    def moment(self, when: datetime) -> str:
        """Return *when* as a dateTime in the style's zone."""
        return when.strftime("%Y-%m-%dT%H:%M:%S") + self.style.offset

    def one_of(self, choices: Sequence[Choice]) -> Choice:
        """Return one of *choices*, the earlier ones more often."""
        return choices[int(len(choices) * self.chance.random() ** 1.6)]

    def happens(self, probability: float) -> bool:
        """Tell whether something of this probability happens."""
        return self.chance.random() < probability


@dataclass(frozen=True, slots=True)
class Party:
    """Someone or something that takes part: the reference to it and the name shown beside the reference."""

    reference: str
    name: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What everything that happens during one encounter shares."""

    record: Record
    patient: Party
    practitioner: Party
    organization: Party
    location: Party
    encounter: str
    start: datetime
    length: timedelta

    @property
    def at(self) -> str:
        """The encounter's start as a dateTime."""
        return self.record.moment(self.start)

    @property
    def until(self) -> str:
        """The encounter's end as a dateTime."""
        return self.record.moment(self.start + self.length)

    @property
    def issued(self) -> str:
        """An instant shortly after the start, in milliseconds."""
        record = self.record
        milliseconds = 100 + record.chance.randrange(900)
        return f"{self.start:%Y-%m-%dT%H:%M:%S}.{milliseconds}{record.style.offset}"


def new_uuid(chance: Random) -> str:
    """Return a version 4 UUID drawn from *chance*."""
    digits = f"{chance.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
