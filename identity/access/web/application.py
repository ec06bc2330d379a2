"""The authorization server of one tenant as an ASGI application, to be mounted where its issuer URL leads."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from identity.access.errors import OAuthError, UnavailableError
from identity.access.grants.server import Server
from identity.access.people.patients import NoPatients, PatientPicker
from identity.access.web.account_pages import account_pages
from identity.access.web.device_pages import device_pages
from identity.access.web.ending_pages import ending_pages
from identity.access.web.endpoints import endpoints
from identity.access.web.pages import message
from identity.access.web.requests import json_answer, refused
from identity.access.web.signing_in_pages import pages

_FOR_PEOPLE = frozenset(
    {"authorize", "login", "logout", "patient", "consent", "device", "password", "account", "passkey", "end_session"}
)


def create_application(server: Server, picker: PatientPicker | None = None) -> FastAPI:
    """Return the application.

    Args:
        server: the authorization server.
        picker: finds patients for apps that are not launched by an EHR; without it nobody can be chosen.
    """
    application = FastAPI(title="Authorization server", openapi_url=None, docs_url=None, redoc_url=None)
    application.include_router(endpoints(server))
    application.include_router(pages(server, picker or NoPatients()))
    application.include_router(device_pages(server))
    application.include_router(account_pages(server))
    application.include_router(ending_pages(server))

    @application.exception_handler(OAuthError)
    async def refuse(request: Request, error: OAuthError) -> Response:
        if request.url.path.rpartition("/")[2] in _FOR_PEOPLE:
            return message(request, "cannot_go_on", "closed", error.description, 400)
        return refused(error)

    @application.exception_handler(UnavailableError)
    async def put_off(request: Request, error: UnavailableError) -> Response:
        del request, error
        answer = json_answer({"error": "temporarily_unavailable"}, 503)
        answer.headers["Retry-After"] = "5"
        return answer

    return application
