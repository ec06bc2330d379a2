"""The administration of all tenants, for administrators of the default tenant: an application beside FHIR.

Its framework is imported when it is first asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from stanforis.tenancy.registry import Registry

from identity.access.administration.recording import KeepRecord, Recording, keep_nothing
from identity.access.grants.showing import Verifies
from identity.access.hosting.addresses import DEFAULT_TENANT
from identity.access.hosting.mounts import ROUTE_KEY, route_of

if TYPE_CHECKING:
    from fastapi import Request

PREFIX: Final = "/admin/installation"
_Application = Callable[[Any, Any, Any], Awaitable[None]]


class Installation:
    """Answers below :data:`PREFIX`."""

    def __init__(self, registry: Registry, verifies: Verifies, keep: KeepRecord = keep_nothing) -> None:
        """Give the tenants of *registry* to whom *verifies* knows as an administrator; *keep* records changes."""
        self._registry = registry
        self._keep = keep
        self._verifies = verifies
        self._making = asyncio.Lock()
        self._made: _Application | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        application = await self._application()
        inner = {**scope, "root_path": scope.get("root_path", "") + PREFIX}
        try:
            await application(inner, receive, send)
        finally:
            scope[ROUTE_KEY] = route_of(PREFIX, inner)

    async def _application(self) -> _Application:
        async with self._making:
            if self._made is None:
                # in a thread: the framework takes a good part of a second to import
                self._made = await asyncio.to_thread(self._make)
            return self._made

    def _make(self) -> _Application:
        from stanforis.tenancy.api import create_application  # noqa: PLC0415 - see above

        from identity.access.administration import callers  # noqa: PLC0415 - the same

        async def check(request: Request) -> None:
            """Let administrators of the default tenant in, by the scopes that administration needs."""
            await callers.administrator(self._verifies, request, DEFAULT_TENANT)

        return Recording(create_application(self._registry, check), self._keep, DEFAULT_TENANT)
