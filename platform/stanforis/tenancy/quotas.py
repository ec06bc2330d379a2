"""What tenants used, against what their plans give them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from stanforis.tenancy.tenants import Plan


class Consumed(NamedTuple):
    """What a tenant used.

    Attributes:
        requests: of this day of UTC.
        resources: that it has.
        bytes: of all versions it stored, as JSON.
    """

    requests: int = 0
    resources: int = 0
    bytes: int = 0


NOTHING: Final = Consumed()


class Quota(StrEnum):
    """What can be used up."""

    REQUESTS = "requests of a day"
    RESOURCES = "resources"
    STORAGE = "bytes of storage"


def used_up(consumed: Consumed, plan: Plan, *, writes: bool) -> Quota | None:
    """Return what of *plan* is used up for one more request, which may write; None where nothing is."""
    if plan.requests_per_day is not None and consumed.requests >= plan.requests_per_day:
        return Quota.REQUESTS
    if writes and plan.resources is not None and consumed.resources >= plan.resources:
        return Quota.RESOURCES
    if writes and plan.storage_bytes is not None and consumed.bytes >= plan.storage_bytes:
        return Quota.STORAGE
    return None
