"""Places in a resource, kept as links to the element above and written only where there is an issue."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """An element of a resource.

    Attributes:
        above: the element that holds it; None for the resource that is checked.
        step: its name, without a type even for a choice; of the resource its type.
        nth: where it stands in its array; None where it is in none.
    """

    above: Place | None
    step: str
    nth: int | None = None

    def path(self) -> str:
        """Return the FHIRPath of the element: ``Patient.contact[0].name``."""
        steps = []
        here: Place | None = self
        while here is not None:
            steps.append(here.step if here.nth is None else f"{here.step}[{here.nth}]")
            here = here.above
        return ".".join(reversed(steps))
