"""Tenants: the organisations that one installation serves, and what each may do in which state of its life."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from zoneinfo import available_timezones

from msgspec import Struct

from stanforis.errors import OperatorError
from stanforis.transport.cors import OriginError, require_origin

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_SLUG: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


class State(StrEnum):
    """Where in its life a tenant is."""

    TRIAL = "trial"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPORTED = "exported"
    SHREDDED = "shredded"

    @property
    def may_read(self) -> bool:
        """Whether its resources are shown and exported."""
        return self in (State.TRIAL, State.ACTIVE, State.SUSPENDED)

    @property
    def may_write(self) -> bool:
        """Whether its resources are changed."""
        return self in (State.TRIAL, State.ACTIVE)


PASSAGES: Final = {
    State.TRIAL: (State.ACTIVE, State.SUSPENDED),
    State.ACTIVE: (State.SUSPENDED,),
    State.SUSPENDED: (State.ACTIVE, State.EXPORTED),
    State.EXPORTED: (State.SUSPENDED, State.SHREDDED),
    State.SHREDDED: (),
}
"""Into which states a tenant may pass from each. What is shredded never comes back."""


class TenancyError(OperatorError):
    """What is asked of a tenant cannot be done; the text says why."""


class UnknownTenantError(TenancyError):
    """There is no such tenant."""


class SlugTakenError(TenancyError):
    """Another tenant has that name in addresses."""


class PassageError(TenancyError):
    """A tenant cannot pass from its state into the one that is wanted."""


class Tenant(Struct, frozen=True, kw_only=True):
    """A tenant.

    Attributes:
        number: what the database knows it by; never given to another one.
        slug: its name in addresses: ``/t/SLUG/fhir``.
        name: for people.
        state: where in its life it is.
        plan: name of what it may use.
        profiles: what is done about declared profiles: ``off``, ``warn`` or ``enforce``; None: as the installation.
        time_zone: of dates without one; None: as the installation. Its search index is made with it.
        languages: BCP 47 tags of what its pages are shown in where a browser asks for none that there is, the
            preferred one first.
        cors_origins: origins whose pages may call it from a browser, beside those of ``STANFORIS_CORS_ORIGINS``.
    """

    number: int
    slug: str
    name: str
    state: State = State.TRIAL
    plan: str = "unlimited"
    profiles: str | None = None
    time_zone: str | None = None
    languages: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()


class Plan(Struct, frozen=True, kw_only=True):
    """What tenants of a plan may use; None: as much as there is.

    Attributes:
        name: of the plan.
        requests_per_day: of a day of UTC.
        resources: that are stored at once.
        storage_bytes: of the versions that were stored, as JSON.
    """

    name: str
    requests_per_day: int | None = None
    resources: int | None = None
    storage_bytes: int | None = None

    @property
    def is_unlimited(self) -> bool:
        """Whether nothing of it can be used up."""
        return self.requests_per_day is None and self.resources is None and self.storage_bytes is None


def require_slug(slug: str) -> None:
    """Raise :class:`TenancyError` unless *slug* can stand in an address."""
    if _SLUG.fullmatch(slug) is None:
        raise TenancyError(
            f"'{slug[:70]}' cannot be a tenant's name in addresses: up to 63 small letters, digits and hyphens are "
            "expected, beginning with a letter and not ending in a hyphen."
        )


def require_settings(settings: Mapping[str, Any]) -> None:
    """Raise :class:`TenancyError` unless what is given of time zone, languages and origins can be used."""
    zone = settings.get("time_zone")
    if zone is not None and zone not in available_timezones():
        raise TenancyError(f"'{zone[:70]}' is no time zone; a name such as Africa/Kigali is expected.")
    for tag in settings.get("languages", ()):
        if _LANGUAGE.fullmatch(tag) is None:
            raise TenancyError(f"'{tag[:70]}' is no language; a tag of BCP 47 such as rw or fr-RW is expected.")
    for origin in settings.get("cors_origins", ()):
        try:
            require_origin(origin)
        except OriginError:
            raise TenancyError(
                f"'{origin[:70]}' is no origin; one such as https://app.example.org is expected."
            ) from None


def require_passage(tenant: Tenant, wanted: State) -> None:
    """Raise :class:`PassageError` unless *tenant* may pass into the state *wanted*."""
    possible = PASSAGES[tenant.state]
    if wanted not in possible:
        after = " or ".join(possible) or "nothing"
        raise PassageError(f"Tenant '{tenant.slug}' is {tenant.state} and cannot become {wanted}, only {after}.")
