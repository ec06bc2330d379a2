"""Parameters whose entries are those of other parameters: a store need not keep them twice.

``combo-code`` of an Observation is ``code | component.code``: what it finds, ``code`` and ``component-code`` find.
``patient`` is ``subject.where(resolve() is Patient)``: what it finds, ``subject`` finds as well. This follows from the
expressions, so no names are listed here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace

from msgspec.structs import replace as changed

from fhir_api.search.query import Include, Parameter
from fhir_api.search.routes import Route, Unroutable

MOST_PARTS = 3
"""A search looks in the rows of so many parameters in place of one."""

Ends = Callable[[Parameter], Iterable[Hashable]]
"""Gives where the entries of a parameter come from; raises Unroutable where that is not known."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """A parameter with all its ends; of references *only* to one type is told apart."""

    parameter: Parameter
    ends: frozenset[Hashable]
    only: str | None = None

    def may_stand_for(self, other: _Whole) -> bool:
        """Tell whether each entry of this parameter is one of *other*, apart from the type that it points at."""
        mine, theirs = self.parameter, other.parameter
        alike = (mine.type, mine.is_identifier, mine.ignores_case, mine.by_sound) == (
            theirs.type, theirs.is_identifier, theirs.ignores_case, theirs.by_sound
        )  # fmt: skip
        return alike and self.ends <= other.ends and self.only in {None, other.only}


def shared(parameters: Mapping[str, Parameter], ends: Ends) -> dict[str, Parameter]:
    """Return *parameters*, all of one type, by their codes; ``parts`` says which have their entries under others."""
    known = [whole for each in parameters.values() if (whole := _whole(each, ends)) is not None]
    # whoever takes more stands behind: a parameter is put together from those before it that have rows of their own
    known.sort(key=lambda whole: (len(whole.ends), whole.only is not None, whole.parameter.code))
    owners: list[_Whole] = []
    found = dict(parameters)
    for whole in known:
        parts = _parts(whole, owners)
        if parts:
            numbers = tuple(part.key for part in parts)
            found[whole.parameter.code] = changed(whole.parameter, parts=numbers, only=whole.only)
        else:
            owners.append(whole)
    return found


def by_rows(include: Include) -> list[Include]:
    """Return includes that together follow what *include* follows, each by parameters that have rows."""
    followed: dict[str | None, dict[int, Parameter]] = {}
    for parameter in include.parameters:
        target_type = parameter.only or include.target_type
        if include.target_type in {None, target_type}:
            owners = followed.setdefault(target_type, {})
            owners.update((number, changed(parameter, key=number, parts=())) for number in parameter.numbers)
    # what is followed to every type need not be followed to one as well
    to_any = followed.get(include.target_type, {})
    return [
        changed(include, parameters=tuple(owners.values()), target_type=target_type)
        for target_type, owners in followed.items()
        if owners is to_any or owners.keys() - to_any.keys()
    ]


def _whole(parameter: Parameter, ends: Ends) -> _Whole | None:
    try:
        found = frozenset(ends(parameter))
    except Unroutable:
        return None
    only = {end.only for end in found if isinstance(end, Route)}
    if not found or len(only) > 1:
        return None
    plain = frozenset(replace(end, only=None) if isinstance(end, Route) else end for end in found)
    return _Whole(parameter, plain, only.pop() if only else None)


def _parts(whole: _Whole, owners: Iterable[_Whole]) -> list[Parameter]:
    """Return the parameters that have every entry of *whole* together; none if there are no such."""
    missing = set(whole.ends)
    parts = []
    for owner in sorted(owners, key=lambda one: -len(one.ends)):
        if missing & owner.ends and owner.may_stand_for(whole):
            missing -= owner.ends
            parts.append(owner.parameter)
    return parts if not missing and len(parts) <= MOST_PARTS else []
