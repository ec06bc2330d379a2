"""The client: sends messages over one connection and waits for each answer."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Self

from adapters.hl7.mllp.frames import COMMIT_ACK, COMMIT_NAK, FrameReader, Oversized, framed

_READ = 1 << 16
_MOST = 16 << 20


class MllpError(Exception):
    """A message was not answered: it may or may not have been stored, and has to be sent again."""


class MllpUnreachableError(MllpError):
    """There is no connection: the message was not sent."""


class MllpClient:
    """A connection to a listener; opened when it is first needed, and again after it broke.

    ``async with MllpClient("lab.example", 2575) as client: answer = await client.send(message)``
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        answer_seconds: float = 30.0,
    ) -> None:
        """Prepare.

        Args:
            host: where it listens.
            port: the same.
            tls: None for a connection in the clear.
            server_name: what the listener's certificate has to be for; None for *host*.
            answer_seconds: how long a connection and an answer are waited for.
        """
        self._host = host
        self._port = port
        self._tls = tls
        self._server_name = server_name if tls is not None else None
        self._seconds = answer_seconds
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._frames = FrameReader(_MOST)

    async def send(self, message: bytes, passes_over: Callable[[bytes], bool] = lambda _answer: False) -> bytes:
        """Send *message* and return the answer, without its frame; messages go one after the other.

        Args:
            message: its bytes.
            passes_over: tells answers that belong to something else; what comes after them is waited for.

        Raises:
            MllpError: nobody answered in time, the connection broke, or the receiver could not store the message.
        """
        async with self._lock:
            try:
                async with asyncio.timeout(self._seconds):
                    reader, writer = await self._connected()
                    writer.write(framed(message))
                    await writer.drain()
                    return await self._answer(reader, passes_over)
            except BaseException as error:
                # a late answer must not be taken for that of the next message
                await self._disconnect()
                if isinstance(error, OSError):
                    raise MllpError(f"no answer: {_told(error)}") from error
                raise

    async def close(self) -> None:
        """Close the connection."""
        async with self._lock:
            await self._disconnect()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None and self._streams[0].at_eof():
            # the listener closed it while nothing was sent
            await self._disconnect()
        if self._streams is None:
            try:
                self._streams = await asyncio.open_connection(
                    self._host, self._port, ssl=self._tls, server_hostname=self._server_name
                )
            except OSError as error:
                raise MllpUnreachableError(f"no connection: {_told(error)}") from error
            self._frames = FrameReader(_MOST)
        return self._streams

    async def _answer(self, reader: asyncio.StreamReader, passes_over: Callable[[bytes], bool]) -> bytes:
        while data := await reader.read(_READ):
            for frame in self._frames.feed(data):
                if frame == COMMIT_NAK:
                    raise MllpError("the receiver could not store the message")
                if not isinstance(frame, Oversized) and frame != COMMIT_ACK and not passes_over(frame):
                    return frame
        raise ConnectionResetError("the receiver closed the connection")

    async def _disconnect(self) -> None:
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    async def __aenter__(self) -> Self:
        """Return itself; the connection is made when it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self.close()


def _told(error: OSError) -> str:
    """Return what went wrong, for an operator: of a certificate what is wrong with it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or type(error).__name__).replace('_', ' ').lower()}"
    return type(error).__name__
