"""The administration of tenants on HTTP, with its OpenAPI document at ``openapi.json``: an application to be mounted.

Who may use it is decided by whoever mounts it: every request is shown to the check that was given, and the document
is as little public as the rest. Tenants are not shredded here, but by an operator on the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Protocol

import asyncpg
from fastapi import APIRouter, Depends, FastAPI, Request
from msgspec import to_builtins
from pydantic import BaseModel, ConfigDict, Field

from stanforis.storage.pool import PoolTimeoutError
from stanforis.tenancy.registry import Registry
from stanforis.tenancy.tenants import PassageError, SlugTakenError, State, TenancyError, Tenant, UnknownTenantError
from stanforis.transport.refusals import tell_refusals

_STATUSES: Final[Mapping[type[Exception], int]] = {
    UnknownTenantError: 404,
    SlugTakenError: 409,
    PassageError: 409,
    TenancyError: 422,
}
_AWAY: Final = (PoolTimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)
_PASSAGES: Final = {
    "activate": (State.ACTIVE, "End the trial"),
    "suspend": (State.SUSPENDED, "Let it be read and exported only"),
    "resume": (State.ACTIVE, "Let it be changed again"),
    "export": (State.EXPORTED, "Note that it was exported; it is not served any more"),
}


class Check(Protocol):
    """Decides who may look after tenants."""

    async def __call__(self, request: Request) -> None:
        """Look at what a request shows of its sender, and at its method.

        Raises:
            NotAllowedError: they may not.
        """


Text = Annotated[str, Field(max_length=200)]
Texts = Annotated[list[Text], Field(max_length=100)]


class Wanted(BaseModel):
    """What a tenant is to be like; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = None
    plan: Text | None = None
    profiles: Text | None = None
    languages: Texts | None = None
    cors_origins: Texts | None = None

    def settings(self) -> dict[str, Any]:
        """Return what was given."""
        return self.model_dump(exclude_unset=True, exclude={"slug"})


class New(Wanted):
    """A tenant to be added."""

    slug: Text
    time_zone: Text | None = None


class _Tenants:
    """The endpoints."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def every(self) -> list[dict[str, Any]]:
        return [_shown(tenant) for tenant in await self._registry.tenants()]

    async def add(self, new: New) -> dict[str, Any]:
        return _shown(await self._registry.create(new.slug, new.settings()))

    async def one(self, slug: str) -> dict[str, Any]:
        tenant = await self._registry.tenant(slug)
        used = await self._registry.consumed(tenant.number)
        return {**_shown(tenant), "used": used._asdict()}

    async def change(self, slug: str, wanted: Wanted) -> dict[str, Any]:
        return _shown(await self._registry.change(slug, wanted.settings()))

    async def plans(self) -> list[dict[str, Any]]:
        return [to_builtins(plan) for plan in (await self._registry.plans()).values()]

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/tenants", tags=["tenants"])
        router.add_api_route("", self.every, methods=["GET"], summary="Tenants, in the order they came")
        router.add_api_route("", self.add, methods=["POST"], status_code=201, summary="Add a tenant, on trial")
        router.add_api_route("/{slug}", self.one, methods=["GET"], summary="A tenant and what it used")
        router.add_api_route("/{slug}", self.change, methods=["PATCH"], summary="Change settings of a tenant")
        for verb, (state, summary) in _PASSAGES.items():
            router.add_api_route(
                f"/{{slug}}/{verb}", self._passing(state), methods=["POST"], summary=summary, name=verb
            )
        return router

    def _passing(self, state: State) -> Any:
        async def passing(slug: str) -> dict[str, Any]:
            return _shown(await self._registry.move(slug, state))

        return passing


def create_application(registry: Registry, check: Check) -> FastAPI:
    """Return the application.

    Args:
        registry: the tenants.
        check: is asked before every request.
    """

    async def guard(request: Request) -> None:
        await check(request)

    application = FastAPI(
        title="Stanforis tenants",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(guard)],
    )
    tenants = _Tenants(registry)
    application.include_router(tenants.router())
    application.add_api_route("/plans", tenants.plans, methods=["GET"], tags=["plans"], summary="Plans, by name")

    @application.get("/openapi.json", include_in_schema=False)
    async def document() -> dict[str, Any]:
        return application.openapi()

    tell_refusals(application, _STATUSES, _AWAY)
    return application


def _shown(tenant: Tenant) -> dict[str, Any]:
    shown: dict[str, Any] = to_builtins(tenant)
    return shown
