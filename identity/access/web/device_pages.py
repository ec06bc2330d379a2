"""The page where a person types the code that a device shows.

Spec: https://datatracker.ietf.org/doc/html/rfc8628#section-3.3
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from identity.access.grants import device
from identity.access.grants.parameters import read_parameters
from identity.access.grants.server import Server
from identity.access.people.patients import NoPatients
from identity.access.people.sessions import form_token
from identity.access.scopes.scope_set import read_scopes
from identity.access.store.records import User
from identity.access.web.cookies import session_cookie
from identity.access.web.pages import described, message, page
from identity.access.web.requests import check_form, form
from identity.access.web.signing_in_pages import People

_FORGET_AFTER = 3600
_MOST_GUESSES = 10
"""Wrong codes of one person in an hour (RFC 8628 section 5.1)."""


def device_pages(server: Server) -> APIRouter:
    """Return the routes."""
    people = People(server, NoPatients())
    router = APIRouter()

    @router.get("/device")
    async def device_page(request: Request) -> Response:
        return await _device_page(people, request)

    @router.post("/device")
    async def device_answer(request: Request) -> Response:
        return await _device_answer(people, request)

    return router


async def _device_page(people: People, request: Request) -> Response:
    found = await people.signed_in(request)
    user_code = read_parameters(request.url.query).get("user_code")
    if found is None:
        return people.leading("login", request="device")
    if user_code is None:
        return page(request, "device.html", unknown=False)
    asked = await _asked(people.server, found[1], user_code)
    client = None if asked is None else await people.server.store.client(asked.client_id)
    if asked is None or client is None:
        return page(request, "device.html", status=404, unknown=True)
    return page(
        request,
        "device_consent.html",
        form=form_token(people.server, session_cookie(request) or "", f"device {user_code}"),
        user=found[1].name or found[1].login_name,
        client=client.name,
        user_code=user_code,
        lines=described(request, read_scopes(asked.scope).narrowed_to(read_scopes(found[1].scope))),
    )


async def _device_answer(people: People, request: Request) -> Response:
    sent = await form(request)
    user_code = sent.required("user_code")
    found = await people.signed_in(request)
    if found is None:
        return people.leading("login", request="device")
    check_form(people.server, session_cookie(request), f"device {user_code}", sent)
    session, user = found
    allow = sent.get("answer") == "allow"
    if not await device.answer(
        people.server, user_code, user, allow=allow, auth_time=int(session.auth_time), methods=session.methods
    ):
        return page(request, "device.html", status=404, unknown=True)
    return message(request, "device_title", "done")


async def _asked(server: Server, user: User, user_code: str) -> device.DeviceRequest | None:
    guesses, now = server.keyed_hash("device codes", user.user_id), server.clock()
    if await server.store.failures(guesses, now, _FORGET_AFTER) >= _MOST_GUESSES:
        return None
    found = await device.asked_with(server, user_code)
    if found is None:
        await server.store.note_failure(guesses, now, _FORGET_AFTER)
        return None
    return found[1]
