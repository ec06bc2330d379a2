"""The two cookies: one of the browser, for forms before anybody has signed in, and one of the session.

The prefix ``__Host-`` makes browsers refuse them without Secure, from a subdomain, or for a path.

Spec: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1.3.2
"""

from __future__ import annotations

from fastapi import Request, Response

from identity.access.store.records import new_secret

_SESSION = "__Host-session"
_BROWSER = "__Host-browser"


def session_cookie(request: Request) -> str | None:
    """Return the secret of the session."""
    return request.cookies.get(_SESSION)


def set_session(response: Response, secret: str | None) -> None:
    """Give the browser a session, or take it away."""
    response.set_cookie(
        _SESSION, secret or "", max_age=None if secret else 0, secure=True, httponly=True, samesite="lax", path="/"
    )


def browser_cookie(request: Request) -> str | None:
    """Return the browser's own secret."""
    return request.cookies.get(_BROWSER)


def with_browser_cookie(request: Request, response: Response) -> Response:
    """Return *response*, which gives the browser a secret of its own if it has none."""
    if browser_cookie(request) is None:
        set_browser(response, new_secret())
    return response


def set_browser(response: Response, secret: str) -> None:
    """Give the browser a secret of its own."""
    response.set_cookie(_BROWSER, secret, secure=True, httponly=True, samesite="lax", path="/")
