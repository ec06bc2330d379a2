"""Slicing: which slice an element belongs to, and what is demanded of slices.

Spec: https://hl7.org/fhir/R4/profiling.html#slicing
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fhir_api.fhirpath import FhirPathError
from fhir_api.validation.profiles.occurrences import Occurrence
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Check, Run

Belongs = Callable[[Occurrence, Run], bool]
"""Tells whether an element belongs to a slice."""
SlicingCheck = Callable[[Sequence[Occurrence], Place, Run], None]
"""Checks the values of a sliced element; the place is that of their parent."""
DEFAULT = "@default"


class Slice(NamedTuple):
    """A slice made ready.

    Attributes:
        name: its slice name.
        belongs: tells which elements are in it.
        least: least number of them.
        most: greatest number; None is any number.
        checks: what each of them has to keep.
        slicing: the slicing of the slice itself.
    """

    name: str
    belongs: Belongs
    least: int
    most: int | None
    checks: tuple[Check, ...]
    slicing: SlicingCheck | None


class Slicing(NamedTuple):
    """The slicing of one element.

    Attributes:
        name: name of the element.
        slices: in order; the default slice is not among them.
        rest: what elements in no slice have to keep, None where there is no default slice.
        rules: ``open | closed | openAtEnd``.
        is_ordered: whether elements have to stand in the order of the slices.
        profile: canonical of the profile, for issues.
    """

    name: str
    slices: tuple[Slice, ...]
    rest: tuple[Check, ...] | None
    rules: str
    is_ordered: bool
    profile: str


def slicing_check(slicing: Slicing) -> SlicingCheck:
    """Return the check of a slicing."""
    slices = slicing.slices

    def check(found: Sequence[Occurrence], parent: Place, run: Run) -> None:
        members: list[list[Occurrence]] = [[] for _ in slices]
        positions: list[int | None] = []
        for each in found:
            position = _position(slices, each, run)
            positions.append(position)
            if position is not None:
                members[position].append(each)
        for each_slice, inside in zip(slices, members, strict=True):
            _check_slice(each_slice, inside, parent, slicing, run)
        _check_rest(slicing, found, positions, run)
        _check_order(slicing, found, positions, run)

    return check


def _position(slices: Sequence[Slice], each: Occurrence, run: Run) -> int | None:
    for position, one in enumerate(slices):
        try:
            if one.belongs(each, run):
                return position
        except FhirPathError:
            continue
    return None


def _check_slice(each: Slice, inside: list[Occurrence], parent: Place, slicing: Slicing, run: Run) -> None:
    count = len(inside)
    where = f"of '{slicing.name}:{each.name}'"
    if count < each.least:
        text = f"Found {count} {where}, expected at least {each.least} (profile {slicing.profile})."
        run.error("required", text, Place(parent, slicing.name.removesuffix("[x]")), "slice-min", each.name)
    if each.most is not None and count > each.most:
        text = f"Found {count} {where}, expected at most {each.most} (profile {slicing.profile})."
        run.error("structure", text, inside[each.most].place, "slice-max", each.name)
    for value, kind, place in inside:
        for check in each.checks:
            check(value, kind, place, run)
    if each.slicing is not None:
        each.slicing(inside, parent, run)


def _check_rest(slicing: Slicing, found: Sequence[Occurrence], positions: Sequence[int | None], run: Run) -> None:
    last = max((index for index, position in enumerate(positions) if position is not None), default=-1)
    for index, (each, position) in enumerate(zip(found, positions, strict=True)):
        if position is not None:
            continue
        if slicing.rest is not None:
            for check in slicing.rest:
                check(each.value, each.kind, each.place, run)
        elif slicing.rules == "closed":
            names = ", ".join(one.name for one in slicing.slices)
            text = f"Found an element in none of the slices {names} of the closed slicing (profile {slicing.profile})."
            run.error("structure", text, each.place, "slicing-closed")
        elif slicing.rules == "openAtEnd" and index < last:
            text = f"Found an element in no slice before one in a slice (profile {slicing.profile})."
            run.error("structure", text, each.place, "slicing-end")


def _check_order(slicing: Slicing, found: Sequence[Occurrence], positions: Sequence[int | None], run: Run) -> None:
    if not slicing.is_ordered:
        return
    highest = 0
    for each, position in zip(found, positions, strict=True):
        if position is None:
            continue
        if position < highest:
            name = slicing.slices[position].name
            text = f"Found the slice '{name}' after a later one (profile {slicing.profile})."
            run.error("structure", text, each.place, "slicing-order", name)
        highest = max(highest, position)
