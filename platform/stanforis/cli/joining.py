"""Response heads that leave together with the body behind them: one packet and one call of the kernel less for each."""

from __future__ import annotations

import asyncio
from typing import Any

_HEAD = b"HTTP/1."


class JoiningTransport(asyncio.Transport):
    """A connection to a client, as far as HTTP uses one.

    uvicorn writes the head of a response by itself. It is held back here until the next write, which nearly always
    comes in the same step of the event loop, and until the loop's next turn at the latest.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Write to *transport*."""
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write *data*, behind a head that was held back."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.writelines((head, data))
        elif isinstance(data, bytes) and data.startswith(_HEAD):
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection when everything is written."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._head = None
        self._transport.abort()

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take no more bytes for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take bytes again."""
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol speak."""
        self._transport.set_protocol(protocol)

    def _flush(self) -> None:
        head, self._head = self._head, None
        if head is not None:
            self._transport.write(head)
