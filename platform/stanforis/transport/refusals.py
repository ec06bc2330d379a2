"""How interfaces of administration refuse: JSON with one text, ``{"detail": …}``, whatever the reason.

Spec: https://www.rfc-editor.org/rfc/rfc9110#name-client-error-4xx
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_UNPROCESSABLE: Final = 422
_AWAY: Final = {"Retry-After": "5"}


class NotAllowedError(Exception):
    """Whoever asks may not.

    Attributes:
        status: 401 where nobody is known, 403 where somebody is who may not.
        challenge: for ``WWW-Authenticate``; empty: none.
    """

    def __init__(self, status: int, text: str, challenge: str = "") -> None:
        """Refuse with *status* and a *text* for people."""
        super().__init__(text)
        self.status = status
        self.challenge = challenge


def refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer of a refusal."""
    return JSONResponse({"detail": text}, status, HEADERS | dict(headers or {}))


def tell_refusals(
    application: FastAPI, statuses: Mapping[type[Exception], int], away: Iterable[type[Exception]]
) -> None:
    """Let *application* refuse so.

    Args:
        application: what answers.
        statuses: of errors whose text is for the client; those derived from one have its status unless they are named.
        away: what is raised when the database does not answer.
    """

    async def refuse(request: Request, error: Exception) -> Response:
        del request
        status = next(statuses[kind] for kind in type(error).__mro__ if kind in statuses)
        return refusal(status, str(error))

    async def put_off(request: Request, error: Exception) -> Response:
        del request, error
        return refusal(503, "The database does not answer.", _AWAY)

    for kind in statuses:
        application.add_exception_handler(kind, refuse)
    for kind in away:
        application.add_exception_handler(kind, put_off)

    @application.exception_handler(NotAllowedError)
    async def turn_away(request: Request, error: NotAllowedError) -> Response:
        del request
        return refusal(error.status, str(error), {"WWW-Authenticate": error.challenge} if error.challenge else {})

    @application.exception_handler(RequestValidationError)
    async def misunderstand(request: Request, error: RequestValidationError) -> Response:
        del request
        return refusal(_UNPROCESSABLE, "; ".join(map(_place, error.errors())))

    @application.exception_handler(HTTPException)
    async def not_here(request: Request, error: HTTPException) -> Response:
        del request
        return refusal(error.status_code, error.detail, error.headers)


def _place(found: Mapping[str, Any]) -> str:
    """Return where a request is not as it should be and why, without its values."""
    where = ".".join(str(each) for each in found["loc"] if each != "body")
    return f"{where}: {found['msg']}" if where else str(found["msg"])
