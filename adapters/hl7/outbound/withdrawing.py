"""Looking once more at what a message tells, before it is sent.

A message may wait for days. What was made is sent as it was made for as long as the destination may see all of what it
was made of: decision 0033. Otherwise it is made again of what is left, and withdrawn where nothing is, or where one of
its patients is not to be seen any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from adapters.hl7.outbound.building import BuildError
from adapters.hl7.outbound.making import Making
from adapters.hl7.outbound.queue import Fate, Outgoing, Queued
from adapters.hl7.outbound.related import Library

Look = Callable[[Queued], Awaitable[Outgoing | None]]
"""Gives what stands in for a message; None where it may be sent as it is.

Raises :class:`adapters.hl7.outbound.related.UnreadableError` where the FHIR server does not say at the moment.
"""


class Withdrawing:
    """Looks once more at the messages for a destination."""

    def __init__(self, making: Making, library: Library) -> None:
        """Prepare.

        Args:
            making: makes messages for it.
            library: gives resources as it may see them.
        """
        self._making = making
        self._library = library

    async def look(self, message: Queued) -> Outgoing | None:
        """Return what stands in for a message, ``WAITING`` where it is to be sent; None where nothing has changed."""
        # what is handed over was made of no resource
        sources = message.sources or ((f"{message.resource}/_history/{message.version}",) if message.resource else ())
        try:
            found = await asyncio.gather(*(self._library.read(each) for each in sources))
            gone = {source for source, resource in zip(sources, found, strict=True) if resource is None}
            if not gone:
                return None
            if gone & {f"Patient/{each}" for each in message.patients}:
                return _withdrawn(message, "its patient is deleted, or the destination may not see them any more")
            made = await self._making.again(message)
        except BuildError as error:
            return replace(_withdrawn(message, str(error)), fate=Fate.DEAD)
        if made.control_id != message.control_id:
            return _withdrawn(message, "what the destination may still see makes another message")
        return made


def _withdrawn(message: Queued, reason: str) -> Outgoing:
    return Outgoing(
        message.control_id, message.message_type, message.resource, message.version, (), message.raw, message.made_at,
        Fate.WITHDRAWN, reason, message.patients, message.sources,
    )  # fmt: skip
