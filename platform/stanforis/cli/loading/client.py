"""One kept connection to a FHIR server, which waits and tries again where that is safe."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from stanforis.errors import OperatorError

FHIR_JSON = "application/fhir+json"
_TIMEOUT_SECONDS = 600.0
_ATTEMPTS = 6
_LONGEST_WAIT = 30.0
_BUSY = (429, 503)


class ServerUnreachableError(OperatorError):
    """No FHIR server answers at the base URL."""


class AccessRefusedError(OperatorError):
    """The server wants to know who asks."""


Headers = Callable[[], dict[str, str]]
"""Gives headers that tell a server who asks."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status; 0 when the connection broke and nobody knows whether the request was carried out.
        body: its bytes.
    """

    status: int
    body: bytes


def no_credentials() -> dict[str, str]:
    """Return no headers: for a server that lets everybody in."""
    return {}


class Client:
    """Sends requests one after another over a connection that is kept."""

    def __init__(self, base: str, credentials: Headers = no_credentials) -> None:
        """Prepare to speak to the FHIR server at *base*; connect with the first request.

        Args:
            base: FHIR base URL.
            credentials: gives the headers that tell who asks, anew for each request.

        Raises:
            ServerUnreachableError: *base* is no HTTP URL.
        """
        self.base = base.rstrip("/")
        parts = urlsplit(self.base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServerUnreachableError(f"{base} is no base URL; expected is one like http://127.0.0.1:8080/fhir.")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS)
        self._path = parts.path
        self._credentials = credentials

    def require_server(self) -> None:
        """Check that a FHIR server answers.

        Raises:
            ServerUnreachableError: it does not.
        """
        try:
            answer = self._once("GET", "/metadata?_summary=true", None, {})
        except (OSError, http.client.HTTPException) as error:
            message = f"No server answers at {self.base} ({error}). Start one with `stanforis up`, or use --base."
            raise ServerUnreachableError(message) from None
        if answer.status != http.client.OK:
            raise ServerUnreachableError(f"{self.base} answers {answer.status} to GET /metadata: no FHIR server.")

    def require_access(self) -> None:
        """Check that the server knows who asks.

        Raises:
            AccessRefusedError: it does not.
        """
        if self.request("GET", "/Patient?_summary=count").status == http.client.UNAUTHORIZED:
            raise AccessRefusedError(
                f"{self.base} asks for a token. On the machine of its data folder run this as its user (with --data); "
                "elsewhere give one with --token-file."
            )

    def request(self, method: str, path: str, body: bytes | None = None, *, repeatable: bool = True) -> Answer:
        """Send a request to *path* below the base; wait and try again while the server is busy.

        Args:
            method: HTTP method.
            path: empty for the base itself; otherwise begins with a slash or a question mark.
            body: FHIR JSON.
            repeatable: whether it may be sent again when the connection broke.
        """
        headers = {"Accept": FHIR_JSON, "Prefer": "return=minimal"}
        if body is not None:
            headers["Content-Type"] = FHIR_JSON
        wait = 0.25
        for attempt in range(_ATTEMPTS):
            try:
                answer, asked = self._with_wait(method, path, body, headers)
            except ConnectionRefusedError:
                answer, asked = Answer(0, b""), 0.0
            except (OSError, http.client.HTTPException):
                self._connection.close()
                answer, asked = Answer(0, b""), 0.0
                if not repeatable:
                    return answer
            if answer.status not in (0, *_BUSY) or attempt == _ATTEMPTS - 1:
                return answer
            time.sleep(min(max(wait, asked), _LONGEST_WAIT))
            wait *= 2
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        return self._with_wait(method, path, body, headers)[0]

    def _with_wait(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[Answer, float]:
        """Return the answer and for how many seconds the server asks to be left alone."""
        self._connection.request(method, self._path + path, body, headers | self._credentials())
        response = self._connection.getresponse()
        text = response.read()
        retry_after = response.getheader("Retry-After", "")
        return Answer(response.status, text), float(retry_after) if retry_after.isdigit() else 0.0
