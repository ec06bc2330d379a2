"""The process that takes HL7 v2 messages, beside the API processes."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

import uvloop

from stanforis.errors import OperatorError
from stanforis.settings import Settings

if TYPE_CHECKING:
    from adapters.hl7.outbound.destinations import Destination
    from mappings.destinations import DestinationFile

_Of = TypeVar("_Of")
_LIFETIME = 600
_RENEWED_BEFORE = 120
log = logging.getLogger("stanforis.hl7")


def exposed(settings: Settings) -> str:
    """Return why no other machine may send HL7 v2 messages with these *settings*; empty where they may."""
    if settings.hl7_certificate:
        return ""
    return "HL7 v2 messages would travel in the clear: give STANFORIS_HL7_CERTIFICATE and _KEY, or use 127.0.0.1."


def run_hl7(
    application: object,
    settings: Settings,
    listening: socket.socket,
    on_ready: Callable[[], None],
    *,
    is_open: bool,
    sends: bool,
) -> None:
    """Take and apply messages until TERM.

    Args:
        application: the FHIR server, not started yet.
        settings: of the installation.
        listening: takes connections.
        on_ready: called once messages are taken.
        is_open: the FHIR server lets everybody in.
        sends: send messages, too; one process does.
    """
    from adapters.hl7 import service  # noqa: PLC0415 - heavy, and needed here only
    from mappings.errors import MappingError  # noqa: PLC0415 - the same

    async def serve() -> None:
        until = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, until.set)
        authorization = None if is_open else owner_authorization(settings)
        admission = None if is_open else destination_authorization(settings)
        await service.serve(
            cast("service.Hosted", application),
            settings,
            listening,
            authorization=authorization,
            admission=admission,
            sends=sends,
            on_ready=on_ready,
            until=until,
        )

    try:
        uvloop.run(serve())
    except MappingError as error:
        log.error("HL7 v2 messages cannot be taken: %s", error)
        raise OperatorError(str(error)) from error


def owner_authorization(settings: Settings) -> Callable[[int], str]:
    """Return what gives a token of the data folder's owner, renewed in time, for each tenant."""
    from identity.access.hosting.owner import owner_key, owner_token  # noqa: PLC0415 - the same

    key = owner_key(settings.data)
    return _renewed(lambda tenant: owner_token(key, settings.base_url, tenant=tenant, lifetime=_LIFETIME))


def destination_authorization(settings: Settings) -> Callable[[Destination], str]:
    """Return what gives a token of a destination, renewed in time: it may see what its file lets it see."""
    from identity.access.hosting.owner import owner_key, owner_token  # noqa: PLC0415 - the same

    key = owner_key(settings.data)

    def token(seen: tuple[str, DestinationFile]) -> str:
        name, file = seen
        return owner_token(
            key,
            settings.base_url,
            scope=file.scope,
            tenant=file.tenant,
            lifetime=_LIFETIME,
            client_id=f"hl7:{name}",
            roles=file.roles,
            organisation=file.organization or None,
        )

    header = _renewed(token)
    return lambda destination: header((destination.name, destination.file))


def _renewed(token: Callable[[_Of], str]) -> Callable[[_Of], str]:
    """Return what gives the header with a token, and makes another before it expires."""
    made: dict[_Of, tuple[float, str]] = {}

    def header(of: _Of) -> str:
        known, now = made.get(of), time.monotonic()
        if known is None or known[0] < now:
            known = made[of] = (now + _LIFETIME - _RENEWED_BEFORE, f"Bearer {token(of)}")
        return known[1]

    return header
