"""HTTP/1.1 as the API processes speak it: uvicorn's, with one host, and bounds on a head's size and a client's silence.

Spec: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stanforis.cli.joining import JoiningTransport

_HEAD_BYTES = 128 * 1024
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?").fullmatch
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class MessageError(Exception):
    """A request that two readers could understand in two ways; the parser hands it on, and uvicorn answers with 400."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client is waited for, in seconds.

    Attributes:
        head: until the head of a request is there, from its first byte or from the begin of the connection.
        body: between two pieces of a body.
    """

    head: float = 15.0
    body: float = 30.0


class BoundedHeadProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not end.

    The parser keeps a request line and headers in memory until they end. What fits is judged by the application, which
    can say more.
    """

    on_lost: Callable[[], None] | None = None
    patience = Patience()
    _head_bytes = 0
    _in_head = False
    _in_body = False
    _heard = 0.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin with the connection."""
        super().connection_made(JoiningTransport(transport, self.loop))
        self._heard = self.loop.time()
        self._timer = self.loop.call_later(self.patience.head, self._look)
        self._in_head = True

    def connection_lost(self, exc: Exception | None) -> None:
        """End with the connection, and say so."""
        super().connection_lost(exc)
        self._forget_timer()
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the network."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES and not self.transport.is_closing():
                self._refuse(_TOO_LARGE)
        if self._in_body:
            self._heard = self.loop.time()
        if not (self._in_head or self._in_body):
            self._forget_timer()
        elif self._timer is None:
            # a request that comes at once, as most do, needs no timer
            self._heard = self.loop.time()
            self._timer = self.loop.call_later(self._seconds, self._look)

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the request's head has ended.

        Raises:
            MessageError: see :func:`_check`.
        """
        _check(self.parser.get_http_version(), self.headers)
        self._in_head = False
        self._in_body = True
        self._forget_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the request has ended."""
        self._in_body = False
        super().on_message_complete()

    @property
    def _seconds(self) -> float:
        return self.patience.head if self._in_head else self.patience.body

    def _look(self) -> None:
        """Give up on a client who was silent for too long, unless it was the application that did not listen."""
        self._timer = None
        if self.transport.is_closing() or not (self._in_head or self._in_body):
            return
        left = self._heard + self._seconds - self.loop.time()
        if left > 0 or (self._in_body and self.flow.read_paused):
            self._timer = self.loop.call_later(max(left, 1.0), self._look)
            return
        self._refuse(_TOO_SLOW)

    def _refuse(self, answer: bytes) -> None:
        if self._in_head or not self.cycle.response_started:
            self.transport.write(answer)
        self.transport.close()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _check(version: str, headers: list[tuple[bytes, bytes]]) -> None:
    """Check what the parser lets pass (RFC 9112 sections 3.2 and 6.1).

    Raises:
        MessageError: there is not one host, or a chunked body where there are none.
    """
    hosts = [value for name, value in headers if name == b"host"]
    if version == "1.1":
        if len(hosts) != 1 or _HOST(hosts[0]) is None:
            raise MessageError
    elif version != "1.0" or len(hosts) > 1 or any(name == b"transfer-encoding" for name, _ in headers):
        # a proxy before us that takes the former version at its word would see another end of the body
        raise MessageError
