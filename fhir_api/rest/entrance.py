"""The entrance: who is let in to the FHIR endpoint, what they then see, and what is noted when they leave.

Spec: https://hl7.org/fhir/R4/security.html#authentication
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from msgspec import Struct

from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.rest.contexts import Contexts
from fhir_api.rest.request import Pair, Request
from fhir_api.rest.response import Response
from fhir_api.rest.wiring import Route


class Head(NamedTuple):
    """A request's head, before its body is read.

    Attributes:
        method: HTTP verb as sent.
        path: below the host, as sent: ``/fhir/Patient/1``.
        segments: of the path below the FHIR base, decoded.
        query: parameters of the URL, decoded.
        headers: by lower-case name.
        peer: address of the other end of the connection; None where the server does not know it.
        tenant: the tenant that the URL names; None where it names none.
        identity: the request's id.
    """

    method: str
    path: str
    segments: tuple[str, ...]
    query: tuple[Pair, ...]
    headers: Mapping[bytes, bytes]
    peer: str | None = None
    tenant: int | None = None
    identity: str = ""


class Admitted(Struct, frozen=True):
    """Somebody who was let in.

    Attributes:
        context: the world of this request; its store shows what ``context.caller`` may reach and nothing else.
    """

    context: Context


class Outcome(NamedTuple):
    """What became of one request.

    Attributes:
        identity: the request's id.
        head: how it began; None where it could not be read.
        route: what answered it; None where nothing did.
        request: as the route saw it, with the parameters of a form body; None where none did.
        response: what is sent.
        error: why it was refused; None where it was not.
    """

    identity: str
    head: Head | None
    route: Route | None
    request: Request | None
    response: Response
    error: FhirError | None = None


class Entrance(Protocol):
    """Lets requests in."""

    async def admit(self, head: Head) -> Admitted:
        """Return what a request may work with.

        Raises:
            FhirError: UNAUTHORIZED or FORBIDDEN, with the challenge for ``WWW-Authenticate``.
        """

    async def left(self, admitted: Admitted | None, outcome: Outcome) -> None:
        """Note what became of a request, before its answer is sent; *admitted* is None where it was not let in.

        Called once for each request, also for those that are refused. The answer waits until this returns.
        """


class OpenEntrance:
    """Lets everybody in to the tenant that the URL names: a server without access control."""

    def __init__(self, contexts_of: Callable[[int], Contexts | None], default: int) -> None:
        """Give the contexts that *contexts_of* has of a tenant, or of *default* where the URL names none."""
        self._contexts_of = contexts_of
        self._default = default

    async def admit(self, head: Head) -> Admitted:
        """Let the request in.

        Raises:
            FhirError: NOT_FOUND where there is no such tenant.
        """
        contexts = self._contexts_of(head.tenant or self._default)
        if contexts is None:
            raise refuse(ErrorKind.NOT_FOUND, "There is no such tenant.", code="not-supported")
        return Admitted(contexts.for_host(head.headers.get(b"host")))

    async def left(self, admitted: Admitted | None, outcome: Outcome) -> None:
        """Note nothing."""
