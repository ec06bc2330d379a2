"""HTTP/1.1 as the API processes speak it: uvicorn's, with a bound on what comes before a body."""

from __future__ import annotations

from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD_BYTES = 128 * 1024
_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHeadProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers do not end.

    The parser keeps them in memory until they do. What fits is judged by the application, which can say more.
    """

    on_lost: Callable[[], None] | None = None
    _head_bytes = 0
    _in_head = False

    def connection_lost(self, exc: Exception | None) -> None:
        """End with the connection, and say so."""
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the network."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES and not self.transport.is_closing():
                self.transport.write(_REFUSAL)
                self.transport.close()

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the request's head has ended."""
        self._in_head = False
        super().on_headers_complete()
