"""The messages that a version makes for one destination.

A destination gets what it may see: the version and all that belongs to it are read from the FHIR server as the
destination, with its roles, by the consents and labels that hold now. What is withheld makes no message.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b

from adapters.hl7.outbound.building import BuildError, Subject, build, control_id
from adapters.hl7.outbound.change import ChangedVersion
from adapters.hl7.outbound.checking import check
from adapters.hl7.outbound.compiling import MessagePlan, TriggerPlan
from adapters.hl7.outbound.destinations import Destination
from adapters.hl7.outbound.queue import Fate, Outgoing, Queued
from adapters.hl7.outbound.related import Library, with_related
from fhir_api import fhirpath

_LOG = logging.getLogger(__name__)


class Making:
    """Makes messages for a destination."""

    def __init__(self, destination: Destination, library: Library, now: Callable[[], int]) -> None:
        """Prepare.

        Args:
            destination: who gets them.
            library: gives resources as the destination may see them.
            now: tells milliseconds since 1970.
        """
        self._destination = destination
        self._library = library
        self._now = now

    async def messages(self, version: ChangedVersion) -> list[Outgoing]:
        """Return what a version makes, one message of a structure at most.

        Raises:
            UnreadableError: what belongs to it cannot be read at the moment.
        """
        plans = [plan for plan in self._destination.plans if plan.file.resource == version.resource_type]
        made = [await self._message(plan, version) for plan in plans]
        return [each for each in made if each is not None]

    async def again(self, queued: Queued) -> Outgoing:
        """Return what the version of a message makes now; ``WITHDRAWN`` where that is nothing.

        Raises:
            UnreadableError: what belongs to it cannot be read at the moment.
        """
        version = await ChangedVersion.again(queued.resource, queued.version, queued.made_at, self._library)
        for plan in self._destination.plans:
            if queued.control_id in {self._control_id(plan, each.event, version) for each in plan.triggers}:
                made = await self._message(plan, version)
                if made is not None:
                    return made
        reason = "the rows make no message of this version any more, or the destination may not see it"
        return Outgoing(
            queued.control_id, queued.message_type, queued.resource, queued.version, (), b"", self._now(),
            Fate.WITHDRAWN, reason, queued.patients,
        )  # fmt: skip

    def _control_id(self, plan: MessagePlan, event: str, version: ChangedVersion) -> str:
        return control_id(self._destination.name, plan.file.structure, event, version.key, version.number)

    async def _message(self, plan: MessagePlan, version: ChangedVersion) -> Outgoing | None:
        event = plan.triggers[0].event
        subject: Subject | None = None
        try:
            subject = await self._triggered(plan, version)
            if subject is None:
                return None
            event = subject.event
            subject = await with_related(plan, subject, self._library)
            identity = self._control_id(plan, event, version)
            built = build(plan, subject, self._destination.envelope, identity, datetime.now(UTC))
            is_full = self._destination.file.validation == "full"
            await asyncio.to_thread(check, built.raw, plan.version, is_full=is_full)
        except BuildError as error:
            _LOG.warning("%s: no %s of a %s: %s", self._destination.name, plan.name, version.resource_type, error)
            return self._outgoing(plan, event, version, subject, b"", Fate.DEAD, str(error))
        return self._outgoing(plan, event, version, subject, built.raw, Fate.WAITING, "; ".join(built.remarks))

    async def _triggered(self, plan: MessagePlan, version: ChangedVersion) -> Subject | None:
        """Return what a message is made of; None where nothing triggers one, or the destination may not see it."""
        focus = await version.focus()
        if focus is None or self._destination.criteria.boolean(focus) is not True:
            return None
        for trigger in plan.triggers:
            if version.interaction not in trigger.interactions:
                continue
            previous = await version.previous() if trigger.asks_previous else None
            subject = Subject(focus, trigger.event, version.at, version.interaction, previous)
            if _holds(trigger, subject, plan.version):
                shown = await version.shown()
                # rows ask for the version before as well
                return None if shown is None else replace(subject, focus=shown, previous=await version.previous())
        return None

    def _outgoing(
        self, plan: MessagePlan, event: str, version: ChangedVersion, subject: Subject | None, raw: bytes, fate: Fate,
        why: str,
    ) -> Outgoing:  # fmt: skip
        patients = _patients(plan, subject)
        return Outgoing(
            control_id=self._control_id(plan, event, version),
            message_type=f"{plan.file.message}^{event}",
            resource=version.key,
            version=version.number,
            # one about nobody stands in its resource's own lane
            lanes=tuple(sorted({lane_of(f"Patient/{each}") for each in patients} or {lane_of(version.key)})),
            raw=raw,
            made_at=self._now(),
            fate=fate,
            reason=why,
            patients=patients,
            sources=_sources(version, subject, patients),
        )


def _holds(trigger: TriggerPlan, subject: Subject, version: str) -> bool:
    try:
        return trigger.criteria.boolean(subject.focus, subject.environment(version)) is True
    except fhirpath.FhirPathError as error:
        raise BuildError(f"trigger {trigger.event}", error.problem) from error


def _patients(plan: MessagePlan, subject: Subject | None) -> tuple[str, ...]:
    """Return the logical ids of the patients that a message is about."""
    if subject is None:
        return ()
    try:
        found = plan.patient(subject.focus, subject.environment(plan.version))
    except fhirpath.FhirPathError:
        return ()
    return tuple(dict.fromkeys(each["id"] for each in found if "id" in each))


def _sources(version: ChangedVersion, subject: Subject | None, patients: tuple[str, ...]) -> tuple[str, ...]:
    """Return references of what a message was made of; of what was deleted only earlier versions are left."""
    if subject is None:
        return ()
    sources = [] if version.interaction == "delete" else [version.reference, *(f"Patient/{each}" for each in patients)]
    if subject.previous is not None:
        sources.append(version.reference_before)
    return tuple(dict.fromkeys([*sources, *subject.resources]))


def lane_of(key: str) -> int:
    """Return the number of the lane of a resource, such as ``Patient/1``."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)
