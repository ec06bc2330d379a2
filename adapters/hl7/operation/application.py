"""The operation of one tenant's interfaces as an ASGI application: ``api/`` for programs, pages for people."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from adapters.hl7.operation import api, dispatch_api, dispatch_pages
from adapters.hl7.operation.answers import AnswerError
from adapters.hl7.operation.desk import Desk, DeskError
from adapters.hl7.operation.dispatch import Dispatch
from adapters.hl7.operation.entrance import Entrance, NotAllowedError
from adapters.hl7.operation.forms import Forms
from adapters.hl7.operation.noting import Application, Keep, Noting
from adapters.hl7.operation.pages import Pages, is_page, refusal, routes
from adapters.hl7.outbound.queue import UnavailableQueueError
from adapters.hl7.store.port import UnavailableError

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_AWAY = "The message store does not answer."


@dataclass(frozen=True, slots=True)
class Entrances:
    """Who lets whom in.

    Attributes:
        programs: those that come to ``api/``.
        people: those that come to pages.
        forms: makes forms that only this browser can send.
        sign_in: where people sign in; empty where nobody has to.
    """

    programs: Entrance
    people: Entrance
    forms: Forms
    sign_in: str = ""


def create_application(desk: Desk, dispatch: Dispatch, entrances: Entrances, keep: Keep) -> Application:
    """Return the application.

    Args:
        desk: looks after messages that come.
        dispatch: looks after messages that are sent.
        entrances: let people and programs in.
        keep: puts each request on record.
    """
    application = FastAPI(
        title="HL7 v2 interfaces", version="1", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json"
    )
    application.include_router(api.router(desk, entrances.programs))
    application.include_router(dispatch_api.router(dispatch, entrances.programs))
    pages = Pages(desk, entrances.forms)
    application.include_router(routes(pages, entrances.people), include_in_schema=False)
    dispatched = dispatch_pages.DispatchPages(dispatch, entrances.forms)
    application.include_router(dispatch_pages.routes(dispatched, entrances.people), include_in_schema=False)

    def told(request: Request, status: int, text: str, headers: dict[str, str] | None = None) -> Response:
        if is_page(request):
            return refusal(request, status, text, entrances.sign_in)
        return JSONResponse({"detail": text}, status, _HEADERS | (headers or {}))

    @application.exception_handler(DeskError)
    @application.exception_handler(AnswerError)
    async def refuse(request: Request, error: DeskError | AnswerError) -> Response:
        return told(request, error.status, str(error))

    @application.exception_handler(NotAllowedError)
    async def turn_away(request: Request, error: NotAllowedError) -> Response:
        challenge = {"WWW-Authenticate": error.challenge} if error.challenge else {}
        return told(request, error.status, str(error), challenge)

    @application.exception_handler(UnavailableError)
    @application.exception_handler(UnavailableQueueError)
    async def put_off(request: Request, error: UnavailableError | UnavailableQueueError) -> Response:
        del error
        return told(request, 503, _AWAY, {"Retry-After": "5"})

    @application.exception_handler(RequestValidationError)
    async def misunderstood(request: Request, error: RequestValidationError) -> Response:
        # what was sent is not repeated: it may be part of a message
        places = [".".join(str(part) for part in each["loc"]) + f": {each['msg']}" for each in error.errors()]
        return told(request, 422, "; ".join(places))

    return Noting(application, keep)
