"""``Observation/$lastn``: the newest observations of each code.

Spec: https://hl7.org/fhir/R4/observation-operation-lastn.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from fhir_api.interactions.conditions import criteria
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.resource import parse_compact
from fhir_api.model.versions import StoredVersion
from fhir_api.operations.operation import Call, Listing
from fhir_api.search.query import Query, SortKey
from fhir_api.store.port import Page

MOST = 5000
"""Observations that one answer may have."""
_PAGE = 1000
_OBSERVATION = "Observation"


class Found(NamedTuple):
    """An observation: its place in the order, when it was (milliseconds), and itself."""

    place: int
    low: int
    version: StoredVersion


@dataclass(slots=True)
class Group:
    """Observations of one code, newest first, as many as are asked for.

    Attributes:
        names: everything that names the code.
        found: the observations.
        is_full: what comes from now on is older than all that are asked for.
    """

    names: set[Hashable]
    found: list[Found] = field(default_factory=list)
    is_full: bool = False

    def keep(self, most: int) -> None:
        """Forget all but the newest; those as new as the last of them stay."""
        if len(self.found) > most:
            last = self.found[most - 1].low
            self.is_full = self.is_full or self.found[-1].low < last
            self.found = [each for each in self.found if each.low >= last]


class Groups:
    """All groups; observations with a translation in common are in one."""

    def __init__(self, most: int) -> None:
        """Begin without any; each holds the newest *most* and those as new."""
        self._most = most
        self._by_name: dict[Hashable, Group] = {}

    def of(self, names: set[Hashable]) -> Group:
        """Return the group that one of *names* is known in; groups that they join become one."""
        found = {id(group): group for name in names if (group := self._by_name.get(name)) is not None}
        first, *others = found.values() or [Group(set())]
        for other in others:
            first.names |= other.names
            first.found = sorted(first.found + other.found)
            first.is_full = first.is_full or other.is_full
            first.keep(self._most)
        first.names |= names
        self._by_name.update(dict.fromkeys(first.names if others else names, first))
        return first

    def add(self, group: Group, found: Found) -> None:
        """Add an observation that is older than all that were added before, or as old."""
        group.found.append(found)
        group.keep(self._most)

    def all(self) -> list[StoredVersion]:
        """Return the observations of all groups, newest first."""
        found = {each.place: each.version for group in self._by_name.values() for each in group.found}
        return [found[place] for place in sorted(found)]


async def lastn(context: Context, call: Call) -> Listing:
    """Answer ``$lastn``: filtered by search parameters, grouped by code, newest first.

    Raises:
        FhirError: MALFORMED, NOT_SUPPORTED for the parameters; TOO_COSTLY for a very large answer.
    """
    _refuse_too_wide(call)
    groups = Groups(call.arguments.value("max") or 1)
    place = 0
    async for version in _newest_first(context, call):
        group = groups.of(_names(orjson.loads(version.body).get("code", {})))
        if not group.is_full:
            resource = parse_compact(version.resource())
            groups.add(group, Found(place, context.rules.extract(resource).low, version))
        place += 1
    found = groups.all()
    if len(found) > MOST:
        raise refuse(ErrorKind.TOO_COSTLY, f"The answer would have more than {MOST} observations; ask for fewer.")
    return Listing(Page(found, total=len(found)))


def _refuse_too_wide(call: Call) -> None:
    """Refuse a call that names no subject, or says nothing of the code.

    Raises:
        FhirError: MALFORMED.
    """
    codes = [name.partition(":")[0].partition(".")[0] for name, _ in call.criteria]
    if not {"patient", "subject"}.intersection(codes):
        raise refuse(ErrorKind.MALFORMED, "$lastn needs 'patient' or 'subject'.", code="required")
    if not any(code == "category" or "code" in code.split("-") for code in codes):
        raise refuse(ErrorKind.MALFORMED, "$lastn needs 'category' or a parameter on codes.", code="required")


async def _newest_first(context: Context, call: Call) -> AsyncIterator[StoredVersion]:
    clauses = await criteria(context, context.store, _OBSERVATION, urlencode(call.criteria))
    date = SortKey("date", context.rules.search.primary_date(_OBSERVATION), descending=True)
    cursor: bytes | None = None
    while True:
        page = await context.store.search(Query((_OBSERVATION,), clauses, (date,), _PAGE, cursor=cursor))
        for version in page.matches:
            yield version
        cursor = page.next_cursor
        if cursor is None:
            return


def _names(code: dict[str, Any]) -> set[Hashable]:
    """Return what makes a code the same as another: any of its codings, or else its text."""
    codings: set[Hashable] = {
        (coding.get("system", ""), coding["code"]) for coding in code.get("coding", ()) if coding and "code" in coding
    }
    return codings or {code.get("text", "")}
