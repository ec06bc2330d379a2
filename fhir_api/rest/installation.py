"""The administration of all tenants, for administrators of the default tenant: an application beside FHIR.

Its framework is imported when it is first asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from stanforis.tenancy.registry import Registry

from identity.access.administration.callers import ROLES
from identity.access.errors import InvalidTokenError
from identity.access.hosting.addresses import DEFAULT_TENANT
from identity.access.scopes.scope_set import ACCESS_READ, ACCESS_WRITE, read_scopes
from identity.access.tokens.verifier import Verified

PREFIX: Final = "/admin/installation"
Verify = Callable[[str], Verified]
_Application = Callable[[Any, Any, Any], Awaitable[None]]


class Installation:
    """Answers below :data:`PREFIX`."""

    def __init__(self, registry: Registry, verify: Verify) -> None:
        """Give the tenants of *registry* to whom *verify* knows as an administrator."""
        self._registry = registry
        self._verify = verify
        self._making = asyncio.Lock()
        self._made: _Application | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        application = await self._application()
        await application({**scope, "root_path": scope.get("root_path", "") + PREFIX}, receive, send)

    async def _application(self) -> _Application:
        async with self._making:
            if self._made is None:
                # in a thread: the framework takes a good part of a second to import
                self._made = await asyncio.to_thread(self._make)
            return self._made

    def _make(self) -> _Application:
        from stanforis.tenancy.api import NotAllowedError, create_application  # noqa: PLC0415 - see above

        async def check(authorization: str | None, method: str) -> None:
            """Let administrators of the default tenant in, by the scopes that administration needs."""
            scheme, _, token = (authorization or "").partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise NotAllowedError(401, "Bearer")
            try:
                claims = self._verify(token).claims
            except InvalidTokenError as error:
                raise NotAllowedError(401, 'Bearer error="invalid_token"') from error
            needed = ACCESS_READ if method in ("GET", "HEAD") else ACCESS_WRITE
            if not read_scopes(claims.scope).named & {needed, ACCESS_WRITE}:
                raise NotAllowedError(403, f'Bearer error="insufficient_scope", scope="{needed}"')
            if claims.identity.tenant != DEFAULT_TENANT or not ROLES & set(claims.identity.roles):
                raise NotAllowedError(403)

        return create_application(self._registry, check)
