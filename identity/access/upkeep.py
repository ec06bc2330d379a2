"""What has to be done now and then in each process that verifies or issues tokens."""

from __future__ import annotations

import asyncio
import logging

from identity.access.errors import UnavailableError
from identity.access.grants.server import Server

_EVERY = 5.0
"""Seconds for which a token may outlive its revocation in another process."""
_TIDY_EVERY = 60
"""Rounds between two tidyings."""
_log = logging.getLogger(__name__)


async def tend(server: Server, *, tidy: bool = True) -> None:
    """Take note of what other processes revoked; with *tidy* also remove what has expired.

    Raises:
        UnavailableError: the store does not answer.
    """
    await server.refresh_revocations()
    if tidy:
        await server.store.tidy(server.clock())


async def keep_tending(server: Server, every: float = _EVERY) -> None:
    """Do so every few seconds until cancelled; a store that does not answer is asked again."""
    rounds = 0
    while True:
        try:
            await tend(server, tidy=rounds % _TIDY_EVERY == 0)
        except UnavailableError:
            _log.warning("revocations could not be read; trying again")
        rounds += 1
        await asyncio.sleep(every)
