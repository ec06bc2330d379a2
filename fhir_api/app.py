"""The ASGI application: FHIR below ``/fhir``, and what an operator needs beside it.

``/health/live`` says that the process answers, ``/health/ready`` that its database does too, ``/metrics`` gives
Prometheus's text.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Sequence
from typing import Protocol

from stanforis.audit import TenantTrail
from stanforis.outbound.addresses import networks
from stanforis.settings import Settings
from stanforis.telemetry import Metrics, RequestLog, Tracing, configure_tracing
from stanforis.tenancy.directory import StoredDirectory
from stanforis.tenancy.tenants import Tenant
from stanforis.transport.cors import Allowing, by_address
from stanforis.transport.limiting import Limiter

from fhir_api.access.caller import Caller
from fhir_api.audit.entrance import AuditedEntrance
from fhir_api.audit.shown import ShowingStore
from fhir_api.audit.sign_ins import keeping, noting
from fhir_api.definitions import CompiledDefinitions
from fhir_api.interactions.claims import Claims
from fhir_api.interactions.consulting import TenantDefinitions
from fhir_api.interactions.context import Assessing, Context, Limits
from fhir_api.interactions.parameters import TenantParameters
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.opening import OpenStores, Stores, open_postgres
from fhir_api.operations.table import OPERATIONS
from fhir_api.packages.core import core_library
from fhir_api.rest.asgi import ASKED_KEY, TENANT_KEY, FhirEndpoint
from fhir_api.rest.capability import SearchParameters, Statement, Statements, statement
from fhir_api.rest.client_limits import ClientLimits
from fhir_api.rest.cursors import TenantCursors
from fhir_api.rest.dispatch import compile_routes
from fhir_api.rest.entrance import Entrance, OpenEntrance
from fhir_api.rest.errors import refusal
from fhir_api.rest.installation import PREFIX, Installation
from fhir_api.rest.origins import TenantOrigins
from fhir_api.rest.patients import StoredPatients
from fhir_api.rest.receiving import Receive, Scope, Send
from fhir_api.rest.recording import Recording
from fhir_api.rest.response import Response
from fhir_api.rest.routes import ROUTES
from fhir_api.rest.tenancy import TenancyEntrance, TenantContexts, tenant_of
from fhir_api.rest.token_entrance import TokenEntrance
from fhir_api.rest.watchers import may_watch
from fhir_api.rest.wiring import Api
from fhir_api.store.metered import MeteredStore
from fhir_api.store.port import TenantStore
from identity.access.hosting.addresses import SMART_CONFIGURATION
from identity.access.hosting.authority import Authority
from identity.access.hosting.mounts import Mounts

BASE_PATH = "/fhir"
TENANT = 1
"""The tenant whose base names none."""

_BASE = BASE_PATH.encode()
_BELOW = _BASE + b"/"
_TENANTS = b"/t/"
_INSTALLATION = f"{PREFIX}/".encode()
_TENANT_PATH = re.compile(rb"/t/([a-z0-9-]{1,63})(/fhir(?:/.*)?)")
_SMART_CONFIGURATION = SMART_CONFIGURATION.encode()
_READY_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Beside(Protocol):
    """Something that this application answers for beside FHIR, made by whoever knows it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer a request; False, and nothing is sent, where it is for somebody else."""
        ...

    async def stop(self) -> None:
        """Give back what it took."""
        ...


def create_app(
    settings: Settings, *, open_stores: OpenStores = open_postgres, access: Authority | None = None
) -> Application:
    """Return the application, with all that can be shared by processes forked after this.

    The stores are opened when the server starts the application (ASGI lifespan) and closed when it stops it.

    Args:
        settings: read once, by the caller.
        open_stores: opens the stores; tests give memory ones.
        access: says who may come in; without it everybody may.
    """
    return Application(settings, open_stores, access)


class Application:
    """Answers HTTP and the server's lifespan."""

    def __init__(self, settings: Settings, open_stores: OpenStores, access: Authority | None = None) -> None:
        """Prepare everything but the stores."""
        self._access = access
        self._mounts = None if access is None else Mounts(access, self.is_served, self._languages)
        self._settings = settings
        self._open_stores = open_stores
        self._metrics = Metrics()
        self._watchers = networks(settings.metrics_networks)
        self._request_log = RequestLog(enabled=settings.log_requests, text=settings.log_format == "text")
        self._recording = Recording(self._metrics, self._request_log)
        self._definitions = CompiledDefinitions(settings)
        self._root = compile_routes(ROUTES)
        self._describe = Statements(self._definitions.search, self._state, self._lets_browsers_in)
        self._contexts: TenantContexts | None = None
        self._origins: TenantOrigins | None = None
        self._installation: Installation | None = None
        self._stores: Stores | None = None
        self._tracing: Tracing | None = None
        self._fhir: FhirEndpoint | None = None
        self._beside: Beside | None = None

    def put_beside(self, beside: Beside) -> None:
        """Let *beside* answer what is neither FHIR nor access."""
        self._beside = beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI event stream."""
        match scope["type"]:
            case "http":
                if scope["raw_path"].startswith(_TENANTS):
                    scope = self._of_tenant(scope)
                path: bytes = scope["raw_path"]
                is_fhir = path.startswith(_BELOW) or path == _BASE
                if self._fhir is not None and is_fhir and not path.endswith(_SMART_CONFIGURATION):
                    await self._fhir(scope, receive, send)
                elif self._installation is not None and path.startswith(_INSTALLATION):
                    await self._recording.answered(self._installation, scope, receive, send)
                elif self._mounts is not None and await self._recording.answered(self._mounts, scope, receive, send):
                    pass
                elif self._beside is None or not await self._beside(scope, receive, send):
                    await _send(scope, await self._looked_after(scope, path), send)
            case "lifespan":
                await self._lifespan(receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1000})

    async def start(self) -> None:
        """Open the stores and begin to answer below the base."""
        settings = self._settings
        self._tracing = configure_tracing(settings.tracing_endpoint)
        self._stores = await self._open_stores(settings, self._definitions)
        await self._stores.directory.start()
        self._origins = TenantOrigins(self._stores.directory, TENANT, by_token=self._access is not None)
        self._contexts = TenantContexts(
            self._stores.directory, self._context, self._stores.due, self._stores.for_tenant
        )
        # the search parameters of the default tenant are looked after from the start
        self._contexts.of(TENANT)
        self._contexts.start()
        self._fhir = FhirEndpoint(
            self._api(TenantCursors(self._stores.cursor_key, settings.page_lifetime)),
            self._on_record(await self._entrance(self._contexts, self._stores), self._stores),
            self._metrics,
            self._request_log,
            tracing=self._tracing,
            prefix=BASE_PATH,
            body_limit=settings.body_limit,
            url_limit=settings.url_limit,
        )

        if settings.audit != "off":
            await self._stores.trail.start()

    async def _entrance(self, contexts: TenantContexts, stores: Stores) -> Entrance:
        if self._access is None:
            return TenancyEntrance(OpenEntrance(contexts.of, TENANT), stores.directory)
        if self._settings.audit != "off":
            self._access.note, self._access.keep = noting(stores.trail_of), keeping(stores.trail_of)
        await self._access.start()
        if isinstance(stores.directory, StoredDirectory):
            self._installation = Installation(stores.directory.registry, self._access, self._access.keep)
        entrance = TokenEntrance(contexts.of, self._access)
        if self._mounts is not None:
            self._mounts.let_choose(lambda server: StoredPatients(server, entrance))
        return TenancyEntrance(entrance, stores.directory)

    def _context(self, tenant: Tenant) -> Context:
        """Return what the requests of a tenant work with, without limits on who asks."""
        settings = self._settings
        definitions = self._definitions.in_zone(tenant.time_zone)
        return Context(
            store=self._store(tenant.number),
            rules=definitions,
            base_url=self._base_url(tenant.number),
            limits=Limits(bundle_bytes=settings.body_limit, conditional_delete=settings.conditional_delete_limit),
            check_structure=settings.validation_on_write != "none",
            definitions=TenantDefinitions(core_library(), definitions.criteria, settings.validation_profiles),
            claims=Claims(self._metrics.observe_profiles),
            parameters=TenantParameters(self._definitions.search),
            caller=Caller.unlimited(tenant.number),
            assessing=Assessing(settings.validate_references, settings.validate_extensions),
        )

    def _base_url(self, tenant: int) -> str:
        base = self._settings.base_url.rstrip("/") or f"http://{_authority(self._settings)}{BASE_PATH}"
        return base if tenant == TENANT else f"{base.removesuffix(BASE_PATH)}/t/{tenant}{BASE_PATH}"

    def _languages(self, tenant: int) -> Sequence[str]:
        found = None if self._stores is None else self._stores.directory.tenant(tenant)
        return () if found is None else found.languages

    def is_served(self, tenant: int) -> bool:
        """Tell whether there is such a tenant, and it is served."""
        return self._contexts is not None and self._contexts.of(tenant) is not None

    def _of_tenant(self, scope: Scope) -> Scope:
        """Return the scope of a request whose path names a tenant, as if it did not; as it is where none is meant.

        What is beside FHIR is reached by the tenant's number.
        """
        named = _TENANT_PATH.fullmatch(scope["raw_path"])
        number = None if named is None or self._stores is None else tenant_of(self._stores.directory, named[1].decode())
        if named is None or number is None:
            return scope
        if scope["raw_path"].endswith(_SMART_CONFIGURATION):
            return {**scope, "path": f"/t/{number}{named[2].decode()}"}
        return {**scope, "raw_path": named[2], TENANT_KEY: number, ASKED_KEY: scope["raw_path"]}

    def _state(self, search: SearchParameters) -> Statement:
        """Return the CapabilityStatement with some search parameters."""
        return statement(
            ROUTES,
            self._definitions.resource_types,
            search,
            OPERATIONS,
            deletes_multiple=self._settings.conditional_delete_limit > 1,
            is_open=self._access is None,
        )

    def _lets_browsers_in(self, tenant: int) -> bool:
        own = self._origins is not None and self._origins.are_let_in(tenant)
        return own or bool(self._settings.cors_origins)

    def who_allows(self, name: str | None, answered: int | None) -> Allowing:
        """Return which origins of browsers are let in; see :data:`stanforis.transport.cors.WhoAllows`."""
        return by_address(name, answered) if self._origins is None else self._origins(name, answered)

    def _api(self, cursors: TenantCursors) -> Api:
        return Api(
            root=self._root,
            resource_types=self._definitions.resource_types,
            parse_search=self._definitions.parse_search,
            cursors=cursors,
            describe=self._describe,
            slow_search=self._settings.slow_search,
            explains_searches=self._settings.explain_searches,
        )

    def _store(self, tenant: int) -> TenantStore:
        """Return the store of a tenant, with its audit trail to be read in it."""
        stores = self._opened()
        store: TenantStore = MeteredStore(stores.for_tenant(tenant), stores.directory, tenant)
        if self._settings.audit == "off":
            return store
        site, extract = self._base_url(tenant), self._definitions.extractor.extract_tree
        return ShowingStore(store, stores.trail_of(tenant), site, extract)

    def _on_record(self, entrance: Entrance, stores: Stores) -> Entrance:
        settings = self._settings
        if settings.client_limit:
            processes = settings.workers or len(os.sched_getaffinity(0))
            entrance = ClientLimits(entrance, Limiter(settings.client_limit, processes))
        return entrance if settings.audit == "off" else AuditedEntrance(entrance, stores.trail_of, TENANT)

    def trail_of(self, tenant: int) -> TenantTrail:
        """Return the audit trail of a tenant.

        Raises:
            LookupError: the application is not started.
        """
        return self._opened().trail_of(tenant)

    def _opened(self) -> Stores:
        if self._stores is None:
            raise LookupError("The application is not started.")
        return self._stores

    async def stop(self) -> None:
        """Close what was opened."""
        self._fhir = None
        if self._beside is not None:
            await self._beside.stop()
        if self._contexts is not None:
            await self._contexts.stop()
        if self._access is not None:
            await self._access.stop()
        if self._stores is not None:
            await self._stores.trail.stop()
            await self._stores.directory.stop()
            await self._stores.close()
        if self._tracing is not None:
            self._tracing.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.start()
                except Exception:  # noqa: BLE001 - whatever it was, the server has to say so
                    _log.exception("the server could not start")
                    await self.stop()
                    await send({"type": "lifespan.startup.failed", "message": "The server could not start."})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _looked_after(self, scope: Scope, path: bytes) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            error = refuse(ErrorKind.METHOD_NOT_ALLOWED, "Only GET and HEAD are possible here.")
            return refusal(error, (b"allow", b"GET, HEAD"))
        match path:
            case b"/health/live":
                return Response(200, b'{"status":"live"}', media_type=b"application/json")
            case b"/health/ready":
                if await self._is_ready():
                    return Response(200, b'{"status":"ready"}', media_type=b"application/json")
                headers = ((b"retry-after", b"2"),)
                return Response(503, b'{"status":"not ready"}', media_type=b"application/json", headers=headers)
            case b"/metrics" if self._access is None or may_watch(scope, self._watchers):
                return Response(200, self._metrics.render(), media_type=Metrics.content_type.encode())
            case _:
                diagnostics = f"There is nothing at this URL; the FHIR base is {BASE_PATH}."
                return refusal(refuse(ErrorKind.NOT_FOUND, diagnostics, code="not-supported"))

    async def _is_ready(self) -> bool:
        """Tell whether the database answers within a bound."""
        if self._stores is None:
            return False
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._stores.ready()
        except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer is "not ready"
            _log.warning("not ready: %s", type(error).__name__)
            return False
        return True


async def _send(scope: Scope, response: Response, send: Send) -> None:
    body = response.body if isinstance(response.body, bytes) else b""
    headers = [
        (b"content-type", response.media_type or b"application/fhir+json;charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *response.headers,
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _authority(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"
