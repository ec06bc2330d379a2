"""Connections as the API processes take them: TLS, certificates that are renewed, clients that are slow."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from stanforis.cli.accepting import Acceptor, shared_counts
from stanforis.cli.protocol import BoundedHeadProtocol, Patience
from stanforis.transport.tls import Certificate, CertificateError
from uvicorn.server import ServerState

from tests.support.certificates import certificate

QUICK = Patience(head=0.05, body=0.05)


async def hello(scope, receive, send):
    """Answer with the request's scheme, once its body is there."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
    body = scope["scheme"].encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(held: Certificate | None = None, patience: Patience | None = None) -> AsyncIterator[int]:
    config = uvicorn.Config(hello, http=BoundedHeadProtocol, lifespan="off", log_config=None)
    config.load()
    state = ServerState()

    def protocol(on_lost):
        made = BoundedHeadProtocol(config, state, {})
        made.on_lost, made.patience = on_lost, patience or Patience()
        return made

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        counts = shared_counts(1)
        acceptor = Acceptor(listener, counts, 0, protocol, None if held is None else held.context)
        acceptor.start()
        yield listener.getsockname()[1]
        acceptor.stop()
        await acceptor.opened()
        for connection in [*state.connections]:
            connection.shutdown()
        while counts[0]:  # noqa: ASYNC110 - connections end by themselves, and nobody is told
            await asyncio.sleep(0)


async def asked(port: int, tls: ssl.SSLContext | None, name: str | None = None, text: bytes = b"") -> bytes:
    """Send a request and return all that comes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
    writer.write(text or b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def trusting(chain: Path, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(chain))
    context.maximum_version = version
    return context


async def test_it_speaks_tls_1_3(tmp_path):
    chain, key = certificate(tmp_path, "server.example")
    async with serving(Certificate(chain, key)) as port:
        assert (await asked(port, trusting(chain), "server.example")).endswith(b"https")


async def test_former_versions_are_refused(tmp_path):
    chain, key = certificate(tmp_path, "server.example")
    async with serving(Certificate(chain, key)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asked(port, trusting(chain, ssl.TLSVersion.TLSv1_2), "server.example")
        # nobody is counted who never came in
        assert (await asked(port, trusting(chain), "server.example")).endswith(b"https")


async def test_who_speaks_plainly_is_not_answered(tmp_path):
    chain, key = certificate(tmp_path, "server.example")
    async with serving(Certificate(chain, key)) as port:
        assert b"200" not in await asked(port, None)


async def test_a_renewed_certificate_is_used_and_no_connection_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("stanforis.transport.tls._LOOK_SECONDS", 0.0)
    (tmp_path / "new").mkdir()
    chain, key = certificate(tmp_path, "server.example")
    held = Certificate(chain, key)
    old = trusting(chain)
    async with serving(held) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=old, server_hostname="server.example")
        for made, used in zip(certificate(tmp_path / "new", "server.example"), (chain, key), strict=True):
            made.replace(used)
        with pytest.raises(ssl.SSLCertVerificationError):
            await asked(port, old, "server.example")
        assert (await asked(port, trusting(chain), "server.example")).endswith(b"https")
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"https")
        writer.close()


async def test_files_that_cannot_be_used_leave_the_former_ones_in_use(tmp_path, monkeypatch):
    monkeypatch.setattr("stanforis.transport.tls._LOOK_SECONDS", 0.0)
    chain, key = certificate(tmp_path, "server.example")
    trusted = trusting(chain)
    held = Certificate(chain, key)
    key.write_text("no key")
    async with serving(held) as port:
        assert (await asked(port, trusted, "server.example")).endswith(b"https")


def test_a_certificate_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CertificateError, match="cannot be used"):
        Certificate(tmp_path / "none.pem", None)


@pytest.mark.parametrize("begin", [b"GET", b"GET / HTTP/1.1\r\nhost: x\r\nx-a: b\r\n"])
async def test_a_head_that_does_not_come_is_not_waited_for(begin):
    async with serving(patience=QUICK) as port:
        assert (await asked(port, None, text=begin)).startswith(b"HTTP/1.1 408 ")


async def test_a_connection_without_a_request_is_not_kept():
    async with serving(patience=QUICK) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_body_that_stops_is_not_waited_for():
    async with serving(patience=QUICK) as port:
        begin = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf"
        assert (await asked(port, None, text=begin)).startswith(b"HTTP/1.1 408 ")


async def test_a_client_that_goes_on_is_waited_for():
    async with serving(patience=Patience(head=30, body=30)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in (
            b"POST / HTTP/1.1\r\n",
            b"host: x\r\nconnection: close\r\n",
            b"content-length: 4\r\n\r\n",
            b"bo",
            b"dy",
        ):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1",
        b"GET / HTTP/1.1\r\nhost: x\r\nhost: y",
        b"GET / HTTP/1.1\r\nhost: x\r\nHost: x",
        b"GET / HTTP/1.1\r\nhost: x, y",
        b"GET / HTTP/1.1\r\nhost: x/y",
        b"GET / HTTP/1.1\r\nhost: me@x",
        b"GET / HTTP/1.0\r\nhost: x\r\nhost: y",
        b"POST / HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0",
        b"GET / HTTP/2.0\r\nhost: x",
    ],
)
async def test_a_head_that_can_be_understood_in_two_ways_is_refused(head):
    async with serving() as port:
        answer = await asked(port, None, text=head + b"\r\nconnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.0",
        b"GET / HTTP/1.1\r\nhost:",
        *(b"GET / HTTP/1.1\r\nhost: " + host for host in (b"x:80", b"[::1]:1")),
    ],
)
async def test_a_head_with_one_host_is_answered(head):
    async with serving() as port:
        assert (await asked(port, None, text=head + b"\r\nconnection: close\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
