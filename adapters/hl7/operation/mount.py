"""The operation of interfaces beside the FHIR server: at ``/hl7``, and at ``/t/{tenant}/hl7`` for other tenants.

What it needs is opened and imported when it is first asked for: an API process that only serves FHIR does without.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from hashlib import sha256
from hmac import digest as hmac_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stanforis.settings import Settings

from adapters.hl7.applying.server import Application, InProcess, Receive, Scope, Send
from adapters.hl7.applying.worker import milliseconds
from mappings.sites import SITES

if TYPE_CHECKING:
    from stanforis.audit import TenantTrail

    from adapters.hl7.operation.application import Entrances
    from adapters.hl7.operation.noting import Keep
    from adapters.hl7.outbound.looking import Dispatched
    from adapters.hl7.store.port import MessageStores
    from adapters.hl7.store.postgres.outbound import PostgresQueues
    from identity.access.hosting.authority import Authority

DEFAULT_TENANT = 1
_CONNECTIONS = 2
_PATH = re.compile(r"((?:/t/(?P<tenant>[1-9][0-9]{0,8}))?/hl7)(?:/.*)?")
Authorization = Callable[[int], str]
"""Gives the header ``Authorization`` of requests for a tenant."""


class Served(Protocol):
    """The FHIR server as an application of this process."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...

    def is_served(self, tenant: int) -> bool:
        """Tell whether there is such a tenant, and it is served."""
        ...

    def trail_of(self, tenant: int) -> TenantTrail:
        """Return the audit trail of a tenant."""
        ...


class Operation:
    """Answers below ``/hl7``."""

    def __init__(
        self,
        application: Served,
        settings: Settings,
        access: Authority | None,
        authorization: Authorization | None,
        stores: MessageStores | None = None,
        queues: Dispatched | None = None,
    ) -> None:
        """Prepare.

        Args:
            application: the FHIR server.
            settings: of the installation.
            access: says who may come in; None lets everybody in.
            authorization: for requests to the FHIR server; None where it lets everybody in.
            stores: in place of those in the database.
            queues: the same, of messages that are sent.
        """
        self._application = application
        self._settings = settings
        self._access = access
        self._authorization = authorization
        self._stores = stores
        self._queues = queues
        self._opened_queues: PostgresQueues | None = None
        self._folder = Path(settings.hl7_sites) if settings.hl7_sites else SITES
        self._made: dict[int, Application] = {}
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer a request; False, and nothing is sent, where its path is not below ``/hl7``."""
        path = _PATH.fullmatch(scope["path"])
        tenant = int(path["tenant"] or DEFAULT_TENANT) if path else 0
        if path is None or not self._application.is_served(tenant):
            return False
        application = await self._of(tenant)
        # links of pages begin with it: "/hl7" leads to the page of "/hl7/"
        whole = scope["path"] if scope["path"] != path[1] else f"{path[1]}/"
        await application({**scope, "path": whole, "root_path": path[1]}, receive, send)
        return True

    async def stop(self) -> None:
        """Let go of connections."""
        if self._stores is not None:
            await self._stores.close()
        if self._opened_queues is not None:
            await self._opened_queues.close()

    async def _of(self, tenant: int) -> Application:
        found = self._made.get(tenant)
        if found is None:
            async with self._making:
                found = self._made.get(tenant)
                if found is None:
                    await self._open()
                    # in a thread: the framework takes a good part of a second to import
                    found = self._made[tenant] = await asyncio.to_thread(self._make, tenant)
        return found

    async def _open(self) -> None:
        if self._stores is not None and self._queues is not None:
            return
        from stanforis.storage.pool import PoolOptions  # noqa: PLC0415 - tests on memory need no driver
        from stanforis.tenancy.contexts import open_contexts  # noqa: PLC0415 - the same

        from adapters.hl7.store.postgres.outbound import PostgresQueues  # noqa: PLC0415 - the same
        from adapters.hl7.store.postgres.store import open_message_stores  # noqa: PLC0415 - the same

        settings = self._settings
        contexts = await open_contexts(settings.database_url, shared_sessions=settings.database_sessions_shared)
        options = PoolOptions(
            settings.database_app_url or settings.database_url,
            size=_CONNECTIONS,
            acquire_seconds=settings.database_wait,
            statement_milliseconds=settings.statement_timeout * 1000,
            shared_sessions=settings.database_sessions_shared,
        )
        self._stores = self._stores or await open_message_stores(options, contexts)
        if self._queues is None:
            self._queues = self._opened_queues = PostgresQueues(options, contexts)

    def _make(self, tenant: int) -> Application:
        from adapters.hl7.operation.application import create_application  # noqa: PLC0415 - see the module
        from adapters.hl7.operation.desk import Desk  # noqa: PLC0415 - the same
        from adapters.hl7.operation.dispatch import Dispatch, destinations_in  # noqa: PLC0415 - the same
        from adapters.hl7.operation.standing import senders_in  # noqa: PLC0415 - the same

        if self._stores is None or self._queues is None:
            raise LookupError("The message stores are not open.")
        base = "/fhir" if tenant == DEFAULT_TENANT else f"/t/{tenant}/fhir"
        header = self._authorization
        server = InProcess(self._application, base, None if header is None else lambda: header(tenant))
        known = senders_in(self._folder)
        desk = Desk(
            self._stores.for_tenant(tenant),
            server,
            lambda: [each for each in known() if each.tenant == tenant],
            self._folder,
            milliseconds,
        )
        dispatch = Dispatch(self._queues, tenant, destinations_in(self._folder, tenant), milliseconds)
        return create_application(desk, dispatch, self._entrances(tenant), self._keep(tenant))

    def _entrances(self, tenant: int) -> Entrances:
        from adapters.hl7.operation.application import Entrances  # noqa: PLC0415 - see the module
        from adapters.hl7.operation.entrance import (  # noqa: PLC0415 - the same
            OpenEntrance,
            SessionEntrance,
            TokenEntrance,
        )
        from adapters.hl7.operation.forms import Forms  # noqa: PLC0415 - the same

        if self._access is None:
            secret = self._settings.secret.encode()
            forms = Forms(lambda purpose, text: hmac_digest(secret, f"{purpose}\0{text}".encode(), sha256).hex())
            return Entrances(OpenEntrance(), OpenEntrance(), forms)
        server = self._access.server(tenant)
        sign_in = server.endpoint("login") + "?request=hl7"
        return Entrances(
            TokenEntrance(server, self._access), SessionEntrance(server), Forms(server.keyed_hash), sign_in
        )

    def _keep(self, tenant: int) -> Keep:
        from adapters.hl7.operation.noting import keep_nothing  # noqa: PLC0415 - see the module

        if self._settings.audit == "off":
            return keep_nothing
        trail = self._application.trail_of(tenant)

        async def keep(record: Any) -> None:
            await trail.keep(record)

        return keep
