"""Which origins of browsers tenants let in: what :mod:`stanforis.transport.cors` asks of the directory of tenants."""

from __future__ import annotations

from collections.abc import Iterable

from stanforis.tenancy.directory import Directory
from stanforis.tenancy.tenants import Tenant
from stanforis.transport.cors import Allowing

from fhir_api.rest.tenancy import tenant_of

_NOBODY = Allowing((), frozenset())


class TenantOrigins:
    """Gives the tenants that an answer may be of; see :data:`stanforis.transport.cors.WhoAllows`."""

    def __init__(self, directory: Directory, default: int, *, by_token: bool) -> None:
        """Take an address that names no tenant as of *default*, or with *by_token* as of any."""
        self._directory = directory
        self._default = default
        self._by_token = by_token
        self._any = _NOBODY
        self._generation: int | None = None

    def __call__(self, name: str | None, answered: int | None) -> Allowing:
        """Return the tenant of a name or number in an address, or of the *answered* number; else all that may be."""
        if name is not None:
            return self._one(tenant_of(self._directory, name))
        if answered is not None:
            return self._one(answered)
        return self._all() if self._by_token else self._one(self._default)

    def are_let_in(self, tenant: int) -> bool:
        """Tell whether a tenant lets any origin in by its own settings."""
        return bool(self._one(tenant).origins)

    def _one(self, number: int | None) -> Allowing:
        tenant = None if number is None else self._directory.tenant(number)
        return _NOBODY if tenant is None or not tenant.state.may_read else _allowing([tenant])

    def _all(self) -> Allowing:
        if self._generation != self._directory.generation:
            self._generation = self._directory.generation
            self._any = _allowing(self._directory.served())
        return self._any


def _allowing(tenants: Iterable[Tenant]) -> Allowing:
    found = list(tenants)
    origins = frozenset(origin.lower().encode() for tenant in found for origin in tenant.cors_origins)
    return Allowing([tenant.slug for tenant in found], origins)
