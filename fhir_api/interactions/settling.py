"""Which resources the steps of a transaction are about: ids given out, criteria matched, no resource twice.

Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from fhir_api.interactions.conditions import criteria, lock_name, only_match
from fhir_api.interactions.context import Context
from fhir_api.interactions.delete import matches
from fhir_api.interactions.envelope import faulty
from fhir_api.interactions.steps import Step, in_entry
from fhir_api.interactions.update import target, vacancy
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey, new_logical_id
from fhir_api.model.resource import parse_compact
from fhir_api.store.port import Criteria, Expect, Reader

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3}
"""Methods in the order in which the specification has them processed."""


async def settle(context: Context, store: Reader, steps: Sequence[Step]) -> None:
    """Give every step that writes its keys and what must be there.

    Raises:
        FhirError: of the first entry whose criteria or preconditions do not hold; UNPROCESSABLE for two entries that
            write to one resource.
    """
    unsettled: list[Step] = []
    for step in steps:
        if step.query is not None or (step.request.if_none_match is not None and step.method == "PUT"):
            unsettled.append(step)
        elif step.method == "POST":
            step.keys = (ResourceKey(step.resource_type, new_logical_id()),)
    if unsettled:
        await _settle_in_order(context, store, steps, unsettled)
    _refuse_overlap(steps)


async def _settle_in_order(context: Context, store: Reader, steps: Sequence[Step], unsettled: list[Step]) -> None:
    settling = _Settling(context, store, steps)
    ordered = sorted(unsettled, key=lambda step: _ORDER[step.method])
    leaving = [step for step in ordered if step.method == "DELETE"]
    for step in leaving:
        await _in_its_entry(step, settling.settle)
    staying = ordered[len(leaving) :]
    await settling.look([step for step in staying if step.query is not None])
    for step in staying:
        await _in_its_entry(step, settling.settle)


async def _in_its_entry(step: Step, settle: Callable[[Step], Awaitable[None]]) -> None:
    try:
        await settle(step)
    except FhirError as error:
        raise in_entry(error, step.place) from None


class _Settling:
    """Matches criteria as if the steps before were done: what is deleted does not match, what is created does."""

    def __init__(self, context: Context, store: Reader, steps: Sequence[Step]) -> None:
        self._context = context
        self._store = store
        self._leaving = {key for step in steps if step.method == "DELETE" for key in step.keys}
        self._created: dict[str, ResourceKey] = {}
        self._asked: dict[int, Criteria] = {}
        self._found: dict[int, list[ResourceKey]] = {}

    async def look(self, steps: Sequence[Step]) -> None:
        """Look up what matches the criteria of *steps*, of all of them at once."""
        for step in steps:
            await _in_its_entry(step, self._understand)
        if not steps:
            return
        try:
            found = await self._store.matching_keys_of([*self._asked.values()], self._most)
        except FhirError:
            # one of them is refused: asked one by one, they tell which
            for step in steps:
                await _in_its_entry(step, self._look_alone)
        else:
            self._found = dict(zip(self._asked, found, strict=True))

    @property
    def _most(self) -> int:
        return 2 + len(self._leaving)

    async def _understand(self, step: Step) -> None:
        clauses = await criteria(self._context, self._store, step.resource_type, step.query or "")
        self._asked[step.place] = Criteria(step.resource_type, clauses)

    async def _look_alone(self, step: Step) -> None:
        (self._found[step.place],) = await self._store.matching_keys_of([self._asked[step.place]], self._most)

    async def settle(self, step: Step) -> None:
        """Give *step* its keys and what it expects."""
        if step.query is None:
            if step.request.if_none_match != "*":
                raise faulty(step.place, "request.ifNoneMatch", "Of an update it has to be '*'.", "value")
            step.expected = await vacancy(self._store, step.keys[0], ErrorKind.PRECONDITION_FAILED)
        elif step.method == "DELETE":
            multiple = self._context.limits.conditional_delete > 1
            step.keys = await matches(self._context, self._store, step.resource_type, step.query, multiple=multiple)
            self._leaving.update(step.keys)
        else:
            await self._settle_one(step, step.query)

    async def _settle_one(self, step: Step, query: str) -> None:
        resource_type, name = step.resource_type, lock_name(step.resource_type, query)
        match = only_match(resource_type, self._found[step.place], self._leaving) or self._created.get(name)
        if step.method == "PATCH":
            if match is None:
                raise refuse(ErrorKind.NOT_FOUND, f"No {resource_type} matches the criteria.")
            step.keys = (match,)
            return
        if step.method == "PUT":
            if_match = step.expected if isinstance(step.expected, int) else None
            key, step.expected = await target(self._store, parse_compact(step.text), match, if_match)
        elif match is not None:
            # a second entry with the same criteria finds what the first one makes
            key, step.expected = match, Expect.ANYTHING
        else:
            key = ResourceKey(resource_type, new_logical_id())
        step.keys = (key,)
        if match is None:
            self._created[name] = key


def _refuse_overlap(steps: Sequence[Step]) -> None:
    """Refuse two steps that write to one resource, and two that have one fullUrl."""
    writers: dict[ResourceKey, int] = {}
    full_urls: dict[str, int] = {}
    for step in steps:
        if not step.is_found:
            for key in step.keys:
                if writers.setdefault(key, step.place) != step.place:
                    raise _twice(step.place, "request.url", f"Entry {writers[key]} writes to the same resource.")
        if step.full_url is not None and step.text:
            if full_urls.setdefault(step.full_url, step.place) != step.place:
                raise _twice(step.place, "fullUrl", f"Entry {full_urls[step.full_url]} has the same fullUrl.")
            if "/_history/" in step.full_url:
                raise faulty(step.place, "fullUrl", "A fullUrl cannot name a version.", "value")


def _twice(place: int, element: str, diagnostics: str) -> FhirError:
    return faulty(place, element, diagnostics, "duplicate", ErrorKind.UNPROCESSABLE)
