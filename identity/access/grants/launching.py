"""Launch contexts: what an EHR tells about the moment it opens an app.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

from __future__ import annotations

from typing import Any

import msgspec

from identity.access.errors import OAuthError, Refusal
from identity.access.grants.parameters import Parameters
from identity.access.grants.server import Server
from identity.access.store.records import Client, Ticket, TicketKind, digest, new_secret

_TOLD = ("intent", "need_patient_banner", "smart_style_url", "tenant")


class LaunchContext(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The context of a launch.

    Attributes:
        patient: logical id of the patient whose record is open.
        encounter: logical id of the encounter that is open.
        client_id: the app that is opened; None when any may use it.
        user_id: the person who opens it; None when it is not said.
        told: further members of the token response, such as ``intent``.
    """

    patient: str | None = None
    encounter: str | None = None
    client_id: str | None = None
    user_id: str | None = None
    told: dict[str, Any] = {}


async def launch(server: Server, context: LaunchContext) -> str:
    """Return the parameter ``launch`` for an app; it is good once and for a few minutes."""
    secret = new_secret()
    expires_at = server.clock() + server.lifetimes.launch
    body = msgspec.json.encode(context)
    await server.store.keep_ticket(
        Ticket(kind=TicketKind.LAUNCH, digest=digest(secret), body=body, expires_at=expires_at)
    )
    return secret


async def launch_for(server: Server, client: Client, parameters: Parameters) -> dict[str, object]:
    """Return the launch parameter that the EHR *client* asked for.

    Raises:
        OAuthError: the client is no EHR (unauthorized_client).
    """
    if not client.may_launch:
        raise OAuthError(Refusal.UNAUTHORIZED_CLIENT, "the client is not registered as one that launches apps")
    told: dict[str, Any] = {name: parameters[name] for name in _TOLD if name in parameters}
    if "need_patient_banner" in told:
        told["need_patient_banner"] = told["need_patient_banner"] == "true"
    context = LaunchContext(
        patient=parameters.get("patient"),
        encounter=parameters.get("encounter"),
        client_id=parameters.get("app"),
        user_id=parameters.get("user"),
        told=told,
    )
    return {"launch": await launch(server, context), "expires_in": server.lifetimes.launch}


async def context_of(server: Server, secret: str, client_id: str) -> LaunchContext:
    """Return the context of a launch, which stays good until it is used up.

    Raises:
        OAuthError: there is none (any more) for this client (invalid_request).
    """
    ticket = await server.store.ticket(TicketKind.LAUNCH, digest(secret), server.clock())
    context = LaunchContext() if ticket is None else msgspec.json.decode(ticket.body, type=LaunchContext)
    if ticket is None or context.client_id not in (None, client_id):
        raise _refused()
    return context


async def use_up(server: Server, secret: str) -> None:
    """Let the launch be good no longer.

    Raises:
        OAuthError: somebody else has used it (invalid_request).
    """
    _, good = await server.store.spend(TicketKind.LAUNCH, digest(secret), server.clock())
    if not good:
        raise _refused()


def _refused() -> OAuthError:
    return OAuthError(Refusal.INVALID_REQUEST, "the launch is unknown, used, expired or of another app")
