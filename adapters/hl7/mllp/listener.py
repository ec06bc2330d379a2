"""The listener: connections, their frames, and answers in the order the messages came.

A connection is read no further while its messages are being stored: a sender that is faster than the disk is slowed
down by TCP.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import socket
import ssl
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.hl7.mllp.frames import COMMIT_ACK, COMMIT_NAK, FrameReader, Oversized, framed

_LOG = logging.getLogger(__name__)
_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class Limits:
    """What a listener allows.

    Attributes:
        message_bytes: longest message; a longer one is refused.
        connections: most connections at a time; further ones are closed at once.
        idle_seconds: how long a connection may say nothing.
        answer_seconds: how long a client may take to receive an answer.
        stop_seconds: how long messages in hand may take when the listener stops.
        later: most answers that a connection waits for; where there are more, the oldest is not given any more.
    """

    message_bytes: int = 16 << 20
    connections: int = 1000
    idle_seconds: float = 3600.0
    answer_seconds: float = 30.0
    stop_seconds: float = 10.0
    later: int = 10_000


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end.

    Attributes:
        host: its address.
        port: the port it came to.
        certificate: SHA-256 fingerprint (hex) of its client certificate, if it showed one.
    """

    host: str
    port: int
    certificate: str | None = None


Later = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a frame is answered with.

    Attributes:
        answers: messages, a frame each; none where the sender wants none.
        is_stored: whether all of the frame is in safe storage.
        later: give answers that are sent when they are there, if the connection still is; an empty one is not sent.
    """

    answers: tuple[bytes, ...]
    is_stored: bool
    later: tuple[Later, ...] = ()


Handler = Callable[[bytes | Oversized, Peer], Awaitable[Reply]]
"""Deals with one frame; it stores, and answers after that."""


class Listener:
    """A listening socket and its connections."""

    def __init__(self, handler: Handler, limits: Limits, *, commit_bytes: bool) -> None:
        self._handler = handler
        self._limits = limits
        self._commit_bytes = commit_bytes
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], _Connection] = {}
        self._stopping = False

    @property
    def port(self) -> int:
        """The port it listens on."""
        sockets = self._server.sockets if self._server is not None else ()
        return int(sockets[0].getsockname()[1]) if sockets else 0

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._connected, host, port, ssl=tls, limit=_READ)

    async def start_on(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Begin to take connections of a socket that listens already."""
        self._server = await asyncio.start_server(self._connected, sock=listening, ssl=tls, limit=_READ)

    async def stop(self) -> None:
        """Take no more connections and frames, answer the messages in hand, and close."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        for connection in self._connections.values():
            connection.stop()
        if self._connections:
            _, late = await asyncio.wait(self._connections, timeout=self._limits.stop_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        if self._server is not None:
            await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._stopping or len(self._connections) >= self._limits.connections:
            _LOG.warning("a connection was closed: %d are open", len(self._connections))
            writer.transport.abort()
            return
        connection = _Connection(reader, writer, self._handler, self._limits, commit_bytes=self._commit_bytes)
        self._connections[task] = connection
        try:
            await connection.run()
        finally:
            del self._connections[task]


class _Connection:
    """One client's connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        handler: Handler,
        limits: Limits,
        *,
        commit_bytes: bool,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._handler = handler
        self._limits = limits
        self._commit_bytes = commit_bytes
        self._frames = FrameReader(limits.message_bytes)
        self._peer = _peer_of(writer)
        self._stopping = False
        self._reading: asyncio.Task[object] | None = None
        self._later: dict[asyncio.Task[None], None] = {}

    def stop(self) -> None:
        """Read no more; what has been read is still dealt with."""
        self._stopping = True
        if self._reading is not None:
            self._reading.cancel()

    async def run(self) -> None:
        """Deal with frames until the client or the listener ends it."""
        try:
            while not self._stopping and (data := await self._read()):
                await self._deal_with(self._frames.feed(data))
        except (TimeoutError, ConnectionError, ssl.SSLError) as error:
            _LOG.info("a connection ended: %s", type(error).__name__)
        except asyncio.CancelledError:
            self._writer.transport.abort()
        except Exception as error:  # noqa: BLE001 - a fault of ours ends one connection, and its message may hold a name
            where = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("a connection ended by %s:\n%s", type(error).__name__, where)
        finally:
            for task in self._later:
                task.cancel()
            self._writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
                async with asyncio.timeout(1):
                    await self._writer.wait_closed()

    async def _read(self) -> bytes:
        """Return the bytes that came next; nothing at the end."""
        self._reading = task = asyncio.current_task()
        try:
            async with asyncio.timeout(self._limits.idle_seconds):
                return await self._reader.read(_READ)
        except asyncio.CancelledError:
            if self._stopping and task is not None and not task.uncancel():
                return b""
            raise
        finally:
            self._reading = None

    async def _deal_with(self, frames: list[bytes | Oversized]) -> None:
        """Hand over frames together, so that they are stored together, and answer in their order."""
        wanted = [frame for frame in frames if frame not in (COMMIT_ACK, COMMIT_NAK)]
        if not wanted:
            return
        if len(wanted) == 1:
            replies = [await self._handler(wanted[0], self._peer)]
        else:
            replies = await asyncio.gather(*(self._handler(frame, self._peer) for frame in wanted))
        for reply in replies:
            if self._commit_bytes:
                self._writer.write(framed(COMMIT_ACK if reply.is_stored else COMMIT_NAK))
            for answer in reply.answers:
                self._writer.write(framed(answer))
        async with asyncio.timeout(self._limits.answer_seconds):
            await self._writer.drain()
        for reply in replies:
            for later in reply.later:
                self._follow(later)

    def _follow(self, later: Later) -> None:
        """Send an answer when it is there."""
        task = asyncio.create_task(self._answer(later))
        self._later[task] = None
        task.add_done_callback(lambda done: self._later.pop(done, None))
        if len(self._later) > self._limits.later:
            next(iter(self._later)).cancel()

    async def _answer(self, later: Later) -> None:
        if answer := await later():
            self._writer.write(framed(answer))
            with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
                async with asyncio.timeout(self._limits.answer_seconds):
                    await self._writer.drain()


async def listen(
    handler: Handler,
    *,
    host: str = "127.0.0.1",
    port: int = 2575,
    limits: Limits | None = None,
    tls: ssl.SSLContext | None = None,
    commit_bytes: bool = False,
) -> Listener:
    """Return a listener that listens.

    Args:
        handler: deals with each frame.
        host: address to listen on.
        port: 0 takes a free one.
        limits: what is allowed.
        tls: see :func:`adapters.hl7.mllp.tls.server_context`; None listens without TLS.
        commit_bytes: whether each message is first answered by a commit acknowledgement of MLLP Release 2.

    Raises:
        OSError: the port cannot be had.
    """
    listener = Listener(handler, limits or Limits(), commit_bytes=commit_bytes)
    await listener.start(host, port, tls)
    return listener


def _peer_of(writer: asyncio.StreamWriter) -> Peer:
    host = str((writer.get_extra_info("peername") or ("",))[0])
    port = int((writer.get_extra_info("sockname") or ("", 0))[1])
    tls: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    return Peer(host, port, hashlib.sha256(certificate).hexdigest() if certificate else None)
