"""Work that is looked for again and again, whatever the last look came to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from adapters.hl7.store.port import UnavailableError

_LOG = logging.getLogger(__name__)


async def again_and_again(look: Callable[[], Awaitable[object]], seconds: float, failed: str) -> None:
    """Look until cancelled, with *seconds* between two looks; *failed* is logged where one fails."""
    while True:
        try:
            await look()
        except UnavailableError as error:
            _LOG.warning("the message store does not answer: %s", error)
        except Exception:  # noqa: BLE001 - the next look may succeed
            _LOG.exception("%s", failed)
        await asyncio.sleep(seconds)
