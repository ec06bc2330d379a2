"""ValueSets compiled to the codes of each code system.

Spec: https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fhir_api.terminology.codes import Membership, Truth


@dataclass(frozen=True, slots=True)
class CompiledValueSet:
    """One value set.

    Attributes:
        url: its canonical.
        members: its codes.
        obstacles: why not all of its codes are known.
        displays: names the value set itself gives to codes, by system and code.
    """

    url: str
    members: Membership
    obstacles: tuple[str, ...] = ()
    displays: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def contains(self, system: str, code: str) -> Truth:
        """Tell whether a code is in it."""
        return self.members.of(system).contains(code)

    @property
    def size(self) -> int:
        """Number of codes it lists."""
        return sum(len(codes.listed or ()) for codes in self.members.systems.values())
