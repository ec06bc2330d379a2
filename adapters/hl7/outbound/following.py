"""Following the change log for one destination: each committed version is looked at once, in its order.

What is made of versions is queued in the same transaction that moves the position on. So nothing is skipped and nothing
is queued twice, whenever the process dies.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Protocol

from adapters.hl7.outbound.building import BuildError, Json, Subject, build, control_id
from adapters.hl7.outbound.checking import check
from adapters.hl7.outbound.compiling import MessagePlan, TriggerPlan
from adapters.hl7.outbound.destinations import Destination
from adapters.hl7.outbound.queue import Fate, Outgoing, Queue, UnavailableQueueError
from adapters.hl7.outbound.related import Library, UnreadableError, with_related
from fhir_api import fhirpath
from fhir_api.model import exact_json
from fhir_api.model.errors import FhirError
from fhir_api.model.versions import Change
from fhir_api.store.postgres.changes import BEGINNING, Changed, Position

AT_ONCE = 100
"""Versions that are looked at before what they make is queued."""
POLL_SECONDS = 0.5
_LONGEST_WAIT = 60.0
_LOG = logging.getLogger(__name__)


class Log(Protocol):
    """A tenant's change log."""

    async def after(self, position: Position, resource_types: Sequence[str], limit: int) -> list[Changed]:
        """Return versions behind a position."""
        ...

    async def newest(self) -> Position:
        """Return a position behind everything there is."""
        ...


class Following:
    """Makes the messages for one destination."""

    def __init__(
        self,
        destination: Destination,
        log: Log,
        queue: Queue,
        library: Library,
        now: Callable[[], int],
        queued: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare.

        Args:
            destination: who gets them.
            log: what changed.
            queue: where they wait to be sent.
            library: gives the resources that belong to a change.
            now: tells milliseconds since 1970.
            queued: called when there is something new in the queue.
        """
        self._destination = destination
        self._log = log
        self._queue = queue
        self._library = library
        self._now = now
        self._queued = queued
        self._seen = BEGINNING

    async def run(self, until: asyncio.Event) -> None:
        """Follow the log until *until* is set; what is being looked at then is finished."""
        failures = 0
        while not until.is_set():
            try:
                full = await self.step() == AT_ONCE
                failures = 0
            except (UnavailableQueueError, UnreadableError, FhirError) as error:
                failures += 1
                full = False
                _LOG.warning("%s: changes cannot be read: %s", self._destination.name, error)
            except Exception:  # noqa: BLE001 - one fault must not end the work
                failures += 1
                full = False
                _LOG.exception("%s: changes cannot be made into messages", self._destination.name)
            if not full:
                await paused(until, min(POLL_SECONDS * 2**failures, _LONGEST_WAIT))

    async def step(self) -> int:
        """Look at the next versions, queue what they make, and return how many versions that were.

        Raises:
            UnavailableQueueError, UnreadableError, FhirError: nothing was moved on that was not queued.
        """
        decided = await self._log.newest()
        start = await self._queue.position(decided if self._destination.file.start == "now" else BEGINNING)
        changes = await self._log.after(max(start, self._seen), self._destination.resource_types, AT_ONCE)
        messages: list[Outgoing] = []
        end, failure = start, None
        for changed in changes:
            try:
                messages += await self._messages(changed)
            except UnreadableError as error:
                failure = error
                break
            end = changed.position
        if end != start and await self._queue.enqueue(start, end, messages) and messages:
            self._queued()
        if failure is not None:
            raise failure
        if len(changes) < AT_ONCE:
            # changes of other types are not passed by again
            self._seen = max(end, decided)
        return len(changes)

    async def _messages(self, changed: Changed) -> list[Outgoing]:
        version = changed.version
        plans = [plan for plan in self._destination.plans if plan.file.resource == version.key.resource_type]
        change = _Change(changed, self._library)
        made = [await self._message(plan, change) for plan in plans]
        return [each for each in made if each is not None]

    async def _message(self, plan: MessagePlan, change: _Change) -> Outgoing | None:
        """Return what a version makes of one structure; None where nothing triggers it."""
        version = change.version
        key = str(version.key)
        event = plan.triggers[0].event
        subject: Subject | None = None
        try:
            subject = await self._triggered(plan, change)
            if subject is None:
                return None
            event = subject.event
            subject = await with_related(plan, subject, self._library)
            identity = control_id(self._destination.name, plan.file.structure, event, key, version.version_id)
            built = build(plan, subject, self._destination.envelope, identity, datetime.now(UTC))
            is_full = self._destination.file.validation == "full"
            await asyncio.to_thread(check, built.raw, plan.version, is_full=is_full)
        except BuildError as error:
            _LOG.warning("%s: no %s of a %s: %s", self._destination.name, plan.name, version.key.resource_type, error)
            return self._outgoing(plan, event, change, subject, b"", Fate.DEAD, str(error))
        return self._outgoing(plan, event, change, subject, built.raw, Fate.WAITING, "; ".join(built.remarks))

    async def _triggered(self, plan: MessagePlan, change: _Change) -> Subject | None:
        focus, fits = await change.focus(), change.interaction()
        if focus is None or self._destination.criteria.boolean(focus) is not True:
            return None
        for trigger in plan.triggers:
            if fits not in trigger.interactions:
                continue
            previous = await change.previous() if trigger.asks_previous else None
            subject = Subject(focus, trigger.event, change.version.last_updated, previous)
            if _holds(trigger, subject, plan.version):
                # rows ask for it as well
                return replace(subject, previous=await change.previous())
        return None

    def _outgoing(
        self, plan: MessagePlan, event: str, change: _Change, subject: Subject | None, raw: bytes, fate: Fate, why: str
    ) -> Outgoing:
        version = change.version
        key = str(version.key)
        return Outgoing(
            control_id=control_id(self._destination.name, plan.file.structure, event, key, version.version_id),
            message_type=f"{plan.file.message}^{event}",
            resource=key,
            version=version.version_id,
            lanes=_lanes(plan, subject, key),
            raw=raw,
            made_at=self._now(),
            fate=fate,
            reason=why,
        )


class _Change:
    """One version, with what is read of it no more than once."""

    def __init__(self, changed: Changed, library: Library) -> None:
        self.version = changed.version
        self._library = library
        self._previous: Json | None = None
        self._has_read = False

    def interaction(self) -> str:
        """Return what made it: ``create``, ``update`` or ``delete``."""
        if self.version.is_deletion:
            return "delete"
        is_first = self.version.version_id == 1 or self.version.change is Change.CREATE
        return "create" if is_first else "update"

    async def focus(self) -> Json | None:
        """Return the resource; of a deletion what it was before."""
        if self.version.is_deletion:
            return await self.previous()
        resource: Json = exact_json.read(self.version.resource())
        return resource

    async def previous(self) -> Json | None:
        """Return the version before; None for the first, and behind a deletion."""
        if self.interaction() == "create":
            return None
        if not self._has_read:
            number = self.version.version_id - 1
            self._previous = await self._library.read(f"{self.version.key}/_history/{number}")
            self._has_read = True
        return self._previous


def _holds(trigger: TriggerPlan, subject: Subject, version: str) -> bool:
    try:
        return trigger.criteria.boolean(subject.focus, subject.environment(version)) is True
    except fhirpath.FhirPathError as error:
        raise BuildError(f"trigger {trigger.event}", error.problem) from error


def _lanes(plan: MessagePlan, subject: Subject | None, key: str) -> tuple[int, ...]:
    """Return the lanes of the patients a message is about; one about nobody stands in its resource's own."""
    names: list[str] = []
    if subject is not None:
        try:
            patients = plan.patient(subject.focus, subject.environment(plan.version))
        except fhirpath.FhirPathError:
            patients = []
        names = [f"{each['resourceType']}/{each['id']}" for each in patients if "id" in each]
    return tuple(sorted({_lane(name) for name in names or [key]}))


def _lane(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


async def paused(until: asyncio.Event, seconds: float) -> None:
    """Wait for *seconds*, or until *until* is set."""
    try:
        async with asyncio.timeout(seconds):
            await until.wait()
    except TimeoutError:
        pass
