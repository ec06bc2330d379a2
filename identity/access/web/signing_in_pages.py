"""The authorization endpoint and the pages a person goes through, without JavaScript.

Spec: https://datatracker.ietf.org/doc/html/rfc6749#section-3.1
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from identity.access.errors import OAuthError, Refusal
from identity.access.grants.authorization_request import (
    AuthorizationRefusedError,
    AuthorizationRequest,
    begin,
    choose_patient,
    finish,
    request_under_way,
)
from identity.access.grants.parameters import Parameters, read_parameters
from identity.access.grants.server import Server
from identity.access.people import passkeys
from identity.access.people.deciding import Step, answer, has_to_sign_in, standing
from identity.access.people.patients import PatientPicker
from identity.access.people.sessions import (
    Session,
    end_session,
    form_token,
    session_of,
    start_session,
)
from identity.access.people.signing_in import SignedIn, sign_in
from identity.access.people.way_in import open_way_in
from identity.access.scopes.scope_set import ScopeSet, read_scopes
from identity.access.store.records import User
from identity.access.web.cookies import browser_cookie, session_cookie, set_session, with_browser_cookie
from identity.access.web.pages import HEADERS, described, host_of, message, page
from identity.access.web.password_pages import password_page
from identity.access.web.requests import check_form, form

_OWN_PAGES = MappingProxyType({"device": "device", "account": "account", "hl7": "../hl7/"})
"""Pages that people come to without an application, and where each is from the issuer on."""


@dataclass(frozen=True, slots=True)
class People:
    """What the pages work with.

    Attributes:
        server: the authorization server.
        picker: finds patients.
    """

    server: Server
    picker: PatientPicker

    async def signed_in(self, request: Request) -> tuple[Session, User] | None:
        """Return who is signed in."""
        return await session_of(self.server, session_cookie(request))

    async def let_in(self, request: Request, found: SignedIn, handle: str) -> Response:
        """Begin a session of whoever signed in, and lead on to what they came for."""
        secret = await start_session(self.server, found, session_cookie(request))
        answered = self.leading(_OWN_PAGES[handle]) if handle in _OWN_PAGES else self.leading("consent", request=handle)
        set_session(answered, secret)
        return answered

    def leading(self, path: str, **query: str) -> Response:
        """Return a redirect to a page of this server."""
        return redirect(self.server.endpoint(path) + (f"?{urlencode(query)}" if query else ""))


def redirect(url: str) -> Response:
    """Return a redirect that is always followed with GET, so that no form travels on."""
    return RedirectResponse(url, 303, dict(HEADERS))


def pages(server: Server, picker: PatientPicker) -> APIRouter:
    """Return the routes."""
    people = People(server, picker)
    router = APIRouter()

    @router.get("/authorize")
    async def authorize(request: Request) -> Response:
        return await _authorize(people, request, read_parameters(request.url.query))

    @router.post("/authorize")
    async def authorize_by_form(request: Request) -> Response:
        return await _authorize(people, request, await form(request))

    @router.get("/login")
    async def login_page(request: Request) -> Response:
        return await _login_page(people, request, _query(request).required("request"))

    @router.post("/login")
    async def login(request: Request) -> Response:
        return await _login(people, request, await form(request))

    @router.post("/passkey")
    async def passkey(request: Request) -> Response:
        return await _passkey(people, request, await form(request))

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        return await _logout(people, request, await form(request))

    _questions(people, router)
    return router


def _questions(people: People, router: APIRouter) -> None:
    @router.get("/patient")
    async def patient_page(request: Request) -> Response:
        return await _patient_page(people, request, _query(request).required("request"))

    @router.post("/patient")
    async def patient(request: Request) -> Response:
        return await _patient(people, request, await form(request))

    @router.get("/consent")
    async def consent_page(request: Request) -> Response:
        return await _consent_page(people, request, _query(request).required("request"))

    @router.post("/consent")
    async def consent(request: Request) -> Response:
        return await _consent(people, request, await form(request))


def _query(request: Request) -> Parameters:
    return read_parameters(request.url.query)


async def _authorize(people: People, request: Request, parameters: Parameters) -> Response:
    try:
        handle = await begin(people.server, parameters)
    except AuthorizationRefusedError as error:
        return redirect(error.url)
    return await _proceed(people, request, handle)


async def _proceed(people: People, request: Request, handle: str) -> Response:
    """Lead to what comes next: a page, or the application with its answer."""
    asked = await request_under_way(people.server, handle)
    found = await people.signed_in(request)
    is_silent = "none" in asked.prompt
    if found is None or has_to_sign_in(asked, found[0], people.server.clock()):
        if is_silent:
            return await _refuse(people, handle, asked, Refusal.LOGIN_REQUIRED)
        return people.leading("login", request=handle)
    try:
        where = await standing(people.server, people.picker, asked, *found)
    except OAuthError as error:
        return await _refuse(people, handle, asked, error.refusal)
    if where.step == Step.ANSWER:
        return redirect(await answer(people.server, handle, asked, *found, where))
    if is_silent:
        return await _refuse(people, handle, asked, Refusal.CONSENT_REQUIRED)
    return people.leading(where.step.value, request=handle)


async def _refuse(people: People, handle: str, asked: AuthorizationRequest, refusal: Refusal) -> Response:
    await finish(people.server, handle)
    return redirect(asked.answer(people.server.issuer, error=refusal.value))


async def _login_page(people: People, request: Request, handle: str, *, failed: bool = False) -> Response:
    asked = await request_under_way(people.server, handle) if handle not in _OWN_PAGES else None
    browser = browser_cookie(request)
    if browser is None:
        # A form needs a cookie to hold on to: the same page again, now with it; a browser without cookies ends here.
        if "again" in request.query_params:
            raise OAuthError(Refusal.INVALID_REQUEST, "cookies are needed to sign in")
        query = {**dict(_query(request)), "request": handle, "again": "1"}
        return with_browser_cookie(request, people.leading("login", **query))
    return page(
        request,
        "login.html",
        status=403 if failed else 200,
        redirect_uri=asked.redirect_uri if asked is not None else None,
        form=form_token(people.server, browser, f"login {handle}"),
        handle=handle,
        failed=failed,
        passkey=passkeys.sign_in_options(people.server, browser) if passkeys.is_possible(people.server) else "",
    )


async def _login(people: People, request: Request, sent: Parameters) -> Response:
    server, handle = people.server, sent.required("request")
    check_form(server, browser_cookie(request), f"login {handle}", sent)
    address = request.client.host if request.client is not None else ""
    found = await sign_in(server, sent.get("name", ""), sent.get("password", ""), sent.get("code", ""), address)
    if found is None:
        return await _login_page(people, request, handle, failed=True)
    if found.user.must_change_password:
        ticket = await open_way_in(server, found.user, found.methods)
        return password_page(request, server, ticket, handle)
    return await people.let_in(request, found, handle)


async def _passkey(people: People, request: Request, sent: Parameters) -> Response:
    server, handle, browser = people.server, sent.required("request"), browser_cookie(request)
    check_form(server, browser, f"login {handle}", sent)
    found = await passkeys.sign_in(server, browser or "", sent.get("credential", ""))
    if found is None:
        return await _login_page(people, request, handle, failed=True)
    return await people.let_in(request, found, handle)


async def _logout(people: People, request: Request, sent: Parameters) -> Response:
    secret = session_cookie(request)
    check_form(people.server, secret, "logout", sent)
    if secret is not None:
        await end_session(people.server, secret)
    answered = message(request, "account", "signed_out")
    set_session(answered, None)
    return answered


async def _patient_page(people: People, request: Request, handle: str, search: str = "") -> Response:
    asked = await request_under_way(people.server, handle)
    found = await people.signed_in(request)
    if found is None:
        return await _proceed(people, request, handle)
    return page(
        request,
        "patient.html",
        redirect_uri=asked.redirect_uri,
        form=form_token(people.server, session_cookie(request) or "", f"patient {handle}"),
        handle=handle,
        search=search,
        choices=await people.picker.find(found[1], search),
    )


async def _patient(people: People, request: Request, sent: Parameters) -> Response:
    handle = sent.required("request")
    check_form(people.server, session_cookie(request), f"patient {handle}", sent)
    if "patient" not in sent:
        # A search is sent as a form: a name has no place in a URL, which ends up in logs.
        return await _patient_page(people, request, handle, sent.get("search", ""))
    await choose_patient(people.server, handle, sent["patient"])
    return await _proceed(people, request, handle)


async def _consent_page(people: People, request: Request, handle: str) -> Response:
    asked = await request_under_way(people.server, handle)
    found = await people.signed_in(request)
    if found is None or has_to_sign_in(asked, found[0], people.server.clock()):
        return await _proceed(people, request, handle)
    try:
        where = await standing(people.server, people.picker, asked, *found)
    except OAuthError as error:
        return await _refuse(people, handle, asked, error.refusal)
    if where.step != Step.CONSENT:
        return await _proceed(people, request, handle)
    client = await people.server.store.client(asked.client_id)
    return page(
        request,
        "consent.html",
        redirect_uri=asked.redirect_uri,
        form=form_token(people.server, session_cookie(request) or "", f"consent {handle}"),
        handle=handle,
        user=found[1].name or found[1].login_name,
        client=client.name if client is not None else asked.client_id,
        host=host_of(asked.redirect_uri),
        lines=described(request, where.scope),
    )


async def _consent(people: People, request: Request, sent: Parameters) -> Response:
    server, handle = people.server, sent.required("request")
    check_form(server, session_cookie(request), f"consent {handle}", sent)
    asked = await request_under_way(server, handle)
    found = await people.signed_in(request)
    if found is None:
        return await _proceed(people, request, handle)
    if sent.get("answer") != "allow":
        return await _refuse(people, handle, asked, Refusal.ACCESS_DENIED)
    try:
        where = await standing(server, people.picker, asked, *found)
    except OAuthError as error:
        return await _refuse(people, handle, asked, error.refusal)
    if where.step not in (Step.CONSENT, Step.ANSWER):
        return await _proceed(people, request, handle)
    await _remember(server, found[1], asked.client_id, where.scope)
    return redirect(await answer(server, handle, asked, *found, where))


async def _remember(server: Server, user: User, client_id: str, scope: ScopeSet) -> None:
    before = read_scopes(await server.store.consent(user.user_id, client_id))
    allowed = ScopeSet(before.named | scope.named, before.resources | scope.resources)
    await server.store.keep_consent(user.user_id, client_id, str(allowed))
