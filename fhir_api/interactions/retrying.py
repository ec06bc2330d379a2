"""Doing a transaction again when another writer was faster."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.store.collisions import CollisionError

_ATTEMPTS = 8
_FIRST_PAUSE = 0.01
T = TypeVar("T")


async def retried(attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what *attempt* gives, trying again after a collision with growing pauses.

    Raises:
        FhirError: CONFLICT when it kept colliding.
    """
    for number in range(_ATTEMPTS):
        try:
            return await attempt()
        except CollisionError:
            await asyncio.sleep(random.uniform(0, _FIRST_PAUSE * 2**number))  # noqa: S311 - spreads writers, no secret
    raise refuse(ErrorKind.CONFLICT, "Other writers kept changing the same resources; try again.")
