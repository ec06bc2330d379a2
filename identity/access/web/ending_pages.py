"""The page by which an app lets a person sign out; see :mod:`identity.access.grants.ending`."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from identity.access.grants.ending import Ending, read_ending
from identity.access.grants.parameters import Parameters, read_parameters
from identity.access.grants.server import Server
from identity.access.people.sessions import end_session, form_token, is_form_token, session_of
from identity.access.web.cookies import session_cookie, set_session
from identity.access.web.pages import HEADERS, message, page
from identity.access.web.requests import form

_KEPT = ("client_id", "post_logout_redirect_uri", "state")
_SEE_OTHER = 303


def ending_pages(server: Server) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/end_session")
    async def asked(request: Request) -> Response:
        return await _ended(server, request, read_parameters(request.url.query))

    @router.post("/end_session")
    async def sent(request: Request) -> Response:
        return await _ended(server, request, await form(request))

    return router


async def _ended(server: Server, request: Request, asked: Parameters) -> Response:
    """Sign the person out: at once where the app knows who it is or the person said so, else the person is asked."""
    ending = await read_ending(server, asked)
    secret = session_cookie(request)
    found = await session_of(server, secret)
    if found is None or secret is None:
        # browsers send no cookie with what another site's page posts: ask again, as a page of our own
        return _again(server, asked) if request.method == "POST" and "form" not in asked else _left(request, ending)
    said_so = is_form_token(server, secret, "end", asked.get("form", ""))
    if not said_so and ending.user_id != found[1].user_id:
        kept = {name: asked[name] for name in _KEPT if name in asked}
        token = form_token(server, secret, "end")
        return page(request, "end_session.html", redirect_uri=ending.back, form=token, kept=kept)
    await end_session(server, secret)
    return _left(request, ending)


def _again(server: Server, asked: Parameters) -> Response:
    kept = {name: asked[name] for name in _KEPT if name in asked}
    return RedirectResponse(f"{server.endpoint('end_session')}?{urlencode(kept)}", _SEE_OTHER, HEADERS)


def _left(request: Request, ending: Ending) -> Response:
    if ending.back is None:
        answered: Response = message(request, "account", "signed_out")
    else:
        answered = RedirectResponse(ending.back, _SEE_OTHER, HEADERS)
    set_session(answered, None)
    return answered
