"""Reading requests and writing answers of endpoints that programs call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Request, Response

from identity.access.errors import OAuthError, Refusal
from identity.access.grants.client_authentication import authenticated_client
from identity.access.grants.parameters import Parameters, read_parameters
from identity.access.grants.server import Server
from identity.access.people.sessions import is_form_token
from identity.access.store.records import Client

LARGEST = 65_536
"""Bytes of the largest body that is read."""
_FORM = "application/x-www-form-urlencoded"
_encode = msgspec.json.Encoder().encode


async def body(request: Request) -> bytes:
    """Return the body.

    Raises:
        OAuthError: it is larger than :data:`LARGEST` (invalid_request).
    """
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > LARGEST:
            raise OAuthError(Refusal.INVALID_REQUEST, f"a request has at most {LARGEST} bytes")
    return bytes(parts)


async def form(request: Request) -> Parameters:
    """Return the form that was sent.

    Raises:
        OAuthError: there is none, or it cannot be read (invalid_request).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise OAuthError(Refusal.INVALID_REQUEST, f"expected is a form ({_FORM})")
    try:
        return read_parameters((await body(request)).decode())
    except UnicodeDecodeError:
        raise OAuthError(Refusal.INVALID_REQUEST, "the form is not in UTF-8") from None


def check_form(server: Server, secret: str | None, purpose: str, sent: Parameters) -> None:
    """Check that a form is one that this server wrote for the browser that has the *secret*.

    Raises:
        OAuthError: it is not.
    """
    if not is_form_token(server, secret, purpose, sent.get("form", "")):
        raise OAuthError(Refusal.INVALID_REQUEST, "the form is not one that this server wrote for this browser")


async def client_and_form(server: Server, request: Request) -> tuple[Client, Parameters]:
    """Return who calls and what was sent.

    Raises:
        OAuthError: the client does not prove who it is, or the form cannot be read.
    """
    parameters = await form(request)
    return await authenticated_client(server, parameters, one_header(request, "authorization")), parameters


def one_header(request: Request, name: str) -> str | None:
    """Return a header that may stand once.

    Raises:
        OAuthError: it stands more than once (invalid_request).
    """
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise OAuthError(Refusal.INVALID_REQUEST, f"the header {name} stands more than once")
    return values[0] if values else None


def json_answer(content: Mapping[str, Any], status: int = 200, *, max_age: int = 0) -> Response:
    """Return *content* as JSON; it is not kept by anybody unless *max_age* (seconds) is given."""
    kept = f"public, max-age={max_age}" if max_age else "no-store"
    # Apps in a browser read these answers; no cookie counts at these endpoints, so any origin may.
    headers = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*"}
    if not max_age:
        headers["Pragma"] = "no-cache"
    return Response(_encode(content), status, headers, "application/json")


def preflight() -> Response:
    """Return what a browser asks before it sends headers of an app's own (CORS).

    Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#considerations-for-cross-origin-resource-sharing-cors-support
    """
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "authorization, content-type, dpop",
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=headers)


def refused(error: OAuthError) -> Response:
    """Return what a program is told about *error* (RFC 6749 section 5.2)."""
    is_unknown = error.refusal == Refusal.INVALID_CLIENT
    answer = json_answer(
        {"error": error.refusal.value, "error_description": error.description}, 401 if is_unknown else 400
    )
    if is_unknown:
        answer.headers["WWW-Authenticate"] = 'Basic realm="clients"'
    return answer
