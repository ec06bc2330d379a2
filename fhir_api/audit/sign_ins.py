"""Sign-ins, tokens and what administrators change on record."""

from __future__ import annotations

from stanforis.audit import Record, Who
from stanforis.audit.records import network, now

from fhir_api.audit.entrance import TrailOf
from identity.access.administration.recording import KeepRecord
from identity.access.noting import Note, Noted

_GRANTED, _REFUSED = 200, 401


def keeping(trail_of: TrailOf) -> KeepRecord:
    """Return what keeps the records of administration."""

    async def keep(tenant: int, record: Record) -> None:
        await trail_of(tenant).keep(record)

    return keep


def noting(trail_of: TrailOf) -> Note:
    """Return what puts sign-ins and tokens on record."""

    async def note(tenant: int, noted: Noted) -> None:
        status = _GRANTED if noted.is_granted else _REFUSED
        who = Who(noted.subject, "person" if noted.subject else "", noted.client)
        record = Record(now(), noted.interaction, "E", status, who, network=network(noted.address))
        await trail_of(tenant).keep(record)

    return note
