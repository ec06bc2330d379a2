"""Every request goes on record before it is answered: who, what, which message, whose record, how it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from fastapi import Request
from stanforis.audit import Record
from stanforis.audit.records import NOBODY, network, now

from adapters.hl7.operation.rights import Operator

Keep = Callable[[Record], Awaitable[None]]
"""Puts a record on the trail."""
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_PATIENTS = "touched_patients"
_FAILED = 500


async def keep_nothing(record: Record) -> None:
    """Keep no record: where the trail is off."""
    del record


def touched(request: Request, patients: Iterable[str]) -> None:
    """Note of which patients the answer tells."""
    setattr(request.state, _PATIENTS, tuple(patients))


class Noting:
    """An application whose requests go on record."""

    def __init__(self, application: Application, keep: Keep) -> None:
        """Pass requests on to *application*, and records to *keep*."""
        self._application = application
        self._keep = keep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope.setdefault("state", {})
        is_noted = False

        async def noted(message: MutableMapping[str, Any]) -> None:
            nonlocal is_noted
            if message["type"] == "http.response.start":
                is_noted = True
                await self._keep(_record(scope, message["status"]))
            await send(message)

        try:
            await self._application(scope, receive, noted)
        except Exception:
            if not is_noted:
                await self._keep(_record(scope, _FAILED))
            raise


def _record(scope: Scope, status: int) -> Record:
    state: dict[str, Any] = scope["state"]
    operator: Operator | None = state.get("operator")
    name, route, number = state.get("asked", ("unknown", "", ""))
    client = scope.get("client")
    return Record(
        now(),
        f"hl7-{name.replace('_', '-')}",
        "R" if scope["method"] in ("GET", "HEAD") else "E",
        status,
        NOBODY if operator is None else operator.who,
        method=scope["method"],
        route=f"/hl7{route}",
        entities=(f"urn:stanforis:hl7-message:{number}",) if number.isdecimal() else (),
        patients=state.get(_PATIENTS, ()),
        network=network(client[0] if client else None),
    )
