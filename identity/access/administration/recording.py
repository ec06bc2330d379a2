"""What administrators change, or try to, on record: before the answer is given.

Spec: https://hl7.org/fhir/R4/auditevent.html
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final

import orjson
from stanforis.audit import Record, Who, administered

from identity.access.tokens.claims import AccessToken

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
KeepRecord = Callable[[int, Record], Awaitable[None]]
"""Keeps a record on the trail of a tenant."""

CALLER: Final = "stanforis:caller"
"""Where a scope has the claims of whoever asks, once they are known."""
_READING: Final = ("GET", "HEAD", "OPTIONS")
_VERBS: Final = {"POST": "create", "PATCH": "change", "PUT": "keep", "DELETE": "drop"}
_NAMES: Final = ("user_id", "client_id", "slug", "name")
"""Members of an answer, of which the first that is there names what was changed."""
_LONGEST: Final = 65536
_OK: Final = 400
_BROKEN: Final = 500


async def keep_nothing(tenant: int, record: Record) -> None:
    """Keep no record."""
    del tenant, record


class Recording:
    """Wraps the application of administration."""

    def __init__(self, application: Application, keep: KeepRecord, tenant: int) -> None:
        """Put on record, by *keep*, what is asked of *application*, which belongs to *tenant*."""
        self._application = application
        self._keep = keep
        self._tenant = tenant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI event stream."""
        if scope["type"] != "http" or scope["method"] in _READING:
            await self._application(scope, receive, send)
            return
        asked, answer = bytearray(), list[Message]()

        async def receiving() -> Message:
            message = await receive()
            if len(asked) < _LONGEST:
                asked.extend(message.get("body", b""))
            return message

        async def holding(message: Message) -> None:
            answer.append(message)

        try:
            await self._application(scope, receiving, holding)
        finally:
            # also of what failed: the framework answers 500 and raises
            await self._keep_record(scope, bytes(asked), answer)
            for message in answer:
                await send(message)

    async def _keep_record(self, scope: Scope, asked: bytes, answer: Sequence[Message]) -> None:
        status = answer[0]["status"] if answer else _BROKEN
        told = _members(b"".join(message.get("body", b"") for message in answer[1:])) if status < _OK else {}
        record = _record(scope, _members(asked), told, status)
        for tenant in {self._tenant, told.get("number", self._tenant)}:
            await self._keep(tenant, record)


def _record(scope: Scope, asked: Mapping[str, Any], told: Mapping[str, Any], status: int) -> Record:
    route = getattr(scope.get("route"), "path", "")
    noun, action = _action(scope["method"], route)
    given = [*scope.get("path_params", {}).values()]
    name = next((told[each] for each in _NAMES if each in told), given[0] if given else None)
    client = scope.get("client")
    return administered(
        action,
        [] if name is None else [f"urn:stanforis:{noun}:{name}"],
        who=_who(scope.get(CALLER)),
        status=status,
        changed=asked,
        peer=None if client is None else client[0],
    )


def _action(method: str, route: str) -> tuple[str, str]:
    """Return what is changed and how: ``("user", "user-password")`` for ``POST /users/{name}/password``."""
    parts = re.findall(r"[a-z-]+", re.sub(r"\{\w+\}", "", route)) or ["request"]
    noun = parts[0].removesuffix("s")
    return noun, f"{noun}-{parts[1] if len(parts) > 1 else _VERBS.get(method, method.lower())}"


def _who(claims: AccessToken | None) -> Who:
    if claims is None:
        return Who()
    identity = claims.identity
    return Who(identity.subject, identity.subject_type, claims.client_id, claims.fhir_user or "", identity.roles)


def _members(body: bytes) -> Mapping[str, Any]:
    """Return the members of a JSON object; none where it is anything else."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
