"""The client: sends messages over one connection and waits for each answer."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
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
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None, answer_seconds: float = 30.0
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._seconds = answer_seconds
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._frames = FrameReader(_MOST)

    async def send(self, message: bytes) -> bytes:
        """Send *message* and return the answer, without its frame; messages go one after the other.

        Raises:
            MllpError: nobody answered in time, the connection broke, or the receiver could not store the message.
        """
        async with self._lock:
            try:
                async with asyncio.timeout(self._seconds):
                    reader, writer = await self._connected()
                    writer.write(framed(message))
                    await writer.drain()
                    return await self._answer(reader)
            except BaseException as error:
                # a late answer must not be taken for that of the next message
                await self._disconnect()
                if isinstance(error, OSError):
                    raise MllpError(f"no answer: {type(error).__name__}") from error
                raise

    async def close(self) -> None:
        """Close the connection."""
        async with self._lock:
            await self._disconnect()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            try:
                self._streams = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
            except OSError as error:
                raise MllpUnreachableError(f"no connection: {type(error).__name__}") from error
            self._frames = FrameReader(_MOST)
        return self._streams

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        while data := await reader.read(_READ):
            for frame in self._frames.feed(data):
                if frame == COMMIT_NAK:
                    raise MllpError("the receiver could not store the message")
                if not isinstance(frame, Oversized) and frame != COMMIT_ACK:
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
