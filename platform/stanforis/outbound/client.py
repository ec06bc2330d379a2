"""An HTTP client for URLs that others chose.

A name is resolved once, all of its addresses are looked at, and the connection goes to the very address that was: a
name that changes its mind between the look and the connection (DNS rebinding) gains nothing. Redirects are answers like
any other. Certificates are verified for the name in the URL.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore

from stanforis.outbound.addresses import Network, is_allowed, may_connect

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host name."""
_MOST_BYTES = 1 << 20
_CONNECTIONS = 20


class OutboundError(Exception):
    """Nothing usable came back; the text says why, and never repeats what was answered."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long may be waited, in seconds: for a connection, for each piece of an answer, for all of it."""

    connect: float = 5.0
    read: float = 5.0
    total: float = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status; a redirect is not followed.
        headers: by lower-case name.
        body: whole.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Outbound:
    """Sends requests to the outside."""

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        *,
        timeouts: Timeouts | None = None,
        most_bytes: int = _MOST_BYTES,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        """Reach the public internet over TLS, and the *allowed* networks also without.

        Args:
            allowed: a site's own networks.
            timeouts: by default 5 s to connect and to read, 15 s in all.
            most_bytes: how large an answer may be.
            tls: how certificates are verified; by default against the system's authorities.
            resolve: gives the addresses of a name; by default the system does.
        """
        self._allowed = tuple(allowed)
        self._timeouts = timeouts or Timeouts()
        self._most_bytes = most_bytes
        self._backend = _PinningBackend(self._allowed, resolve or _resolved)
        self._pool = httpcore.AsyncConnectionPool(
            tls or ssl.create_default_context(),
            max_connections=_CONNECTIONS,
            keepalive_expiry=5.0,
            network_backend=self._backend,
        )

    async def fetch(
        self, url: str, *, method: str = "GET", headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> Answer:
        """Send a request and return the answer.

        Raises:
            OutboundError: the URL may not be asked for, nobody answers in time, or the answer is too large.
        """
        self._check(url)
        try:
            async with asyncio.timeout(self._timeouts.total):
                return await self._fetch(url, method, headers, body)
        except TimeoutError:
            raise OutboundError("no answer came in time") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise OutboundError(f"the request failed: {type(error).__name__}") from None

    async def close(self) -> None:
        """Close connections."""
        await self._pool.aclose()

    async def _fetch(self, url: str, method: str, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
        limits = {"connect": self._timeouts.connect, "read": self._timeouts.read, "write": self._timeouts.read}
        extensions: dict[str, Any] = {"timeout": {**limits, "pool": self._timeouts.connect}}
        # no compression: what is small on the wire could be large here
        given = [("accept-encoding", "identity"), ("user-agent", "stanforis"), *headers]
        async with self._pool.stream(method, url, headers=given, content=body, extensions=extensions) as response:
            received = bytearray()
            async for part in _parts(response):
                received += part
                if len(received) > self._most_bytes:
                    raise OutboundError(f"the answer is larger than {self._most_bytes} bytes")
            found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(response.status, found, bytes(received))

    def _check(self, url: str) -> None:
        parts = _split(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.password:
            raise OutboundError("only http and https URLs without a user can be asked for")
        if parts.scheme == "http" and not self._is_own(parts.hostname):
            raise OutboundError("without TLS only addresses in allowed networks can be asked for")

    def _is_own(self, host: str) -> bool:
        try:
            return is_allowed(host, self._allowed)
        except ValueError:
            return False


class _PinningBackend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were looked at."""

    def __init__(self, allowed: Sequence[Network], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of *host*, if every one may be connected to."""
        try:
            addresses = await self._resolve(host, port)
        except OSError:
            raise OutboundError("the host is not known") from None
        if not addresses or not all(may_connect(address, self._allowed) for address in addresses):
            raise OutboundError("the host is not on the public internet, nor in an allowed network")
        return await self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Refuse."""
        raise OutboundError("a socket of this machine is no place outside")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)


async def _parts(response: httpcore.Response) -> AsyncIterator[bytes]:
    async for part in response.aiter_stream():
        yield part


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        # reading the port checks it
        _ = parts.port
    except ValueError:
        raise OutboundError("the URL cannot be read") from None
    return parts


async def _resolved(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for _, _, _, _, address in found]
