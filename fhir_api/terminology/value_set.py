"""ValueSets compiled to the codes of each code system.

Spec: https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from fhir_api.terminology.codes import Membership, Truth

Names: TypeAlias = "tuple[str | None, ...]"


@dataclass(frozen=True, slots=True)
class CompiledValueSet:
    """One value set.

    Attributes:
        url: its canonical.
        members: its codes.
        obstacles: why not all of its codes are known.
        names: what the value set itself calls codes, by system and code: the display or None, then other names.
    """

    url: str
    members: Membership
    obstacles: tuple[str, ...] = ()
    names: Mapping[tuple[str, str], Names] = field(default_factory=dict)

    def contains(self, system: str, code: str) -> Truth:
        """Tell whether a code is in it."""
        return self.members.of(system).contains(code)

    @property
    def size(self) -> int:
        """Number of codes it lists."""
        return sum(len(codes.listed or ()) for codes in self.members.systems.values())
