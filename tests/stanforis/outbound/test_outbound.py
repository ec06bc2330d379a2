"""The way out: what may be reached, and what a server there may do to us."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network

import pytest
from stanforis.outbound import Outbound, OutboundError, Timeouts
from stanforis.outbound.addresses import may_connect, networks

from tests.support.certificates import tls_pair

LOOPBACK = (ip_network("127.0.0.0/8"),)
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_the_public_internet_may_be_reached(address):
    assert may_connect(address, ())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        "192.0.0.8", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "fec0::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "::a00:1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "64:ff9b:1::101:101",
        "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::", "not an address",
    ],
)  # fmt: skip
def test_what_is_inside_may_not_be_reached(address):
    assert not may_connect(address, ())


def test_a_sites_own_networks_may_be_reached():
    own = networks("10.1.0.0/16, fd00:1::/32")
    assert may_connect("10.1.2.3", own)
    assert may_connect("::ffff:10.1.2.3", own)
    assert may_connect("fd00:1::5", own)
    assert not may_connect("10.2.0.1", own)


def answering(head: bytes, body: bytes = b"") -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n" + body)
        await writer.drain()

    return talk


@asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    talks: set[asyncio.Task[None]] = set()

    def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def whole() -> None:
            with suppress(OSError, asyncio.IncompleteReadError):
                await talk(reader, writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

        talks.add(asyncio.create_task(whole()))

    server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*talks)


@asynccontextmanager
async def reaching(**options) -> AsyncIterator[Outbound]:
    outbound = Outbound(**options)
    try:
        yield outbound
    finally:
        await outbound.close()


async def test_an_answer_comes_back_whole():
    async with (
        serving(answering(b"HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 4", b"body")) as port,
        reaching(allowed=LOOPBACK) as outbound,
    ):
        answer = await outbound.fetch(f"http://127.0.0.1:{port}/")
    assert (answer.status, answer.headers["x-a"], answer.body) == (200, "b", b"body")


async def test_a_redirect_is_not_followed():
    async with (
        serving(answering(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0")) as port,
        reaching(allowed=LOOPBACK) as outbound,
    ):
        assert (await outbound.fetch(f"http://127.0.0.1:{port}/")).status == 302


async def test_an_answer_that_does_not_end_is_refused():
    async with (
        serving(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2000", b"x" * 2000)) as port,
        reaching(allowed=LOOPBACK, most_bytes=1000) as outbound,
    ):
        with pytest.raises(OutboundError, match="larger than 1000"):
            await outbound.fetch(f"http://127.0.0.1:{port}/")


async def test_a_server_that_says_nothing_is_left():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with (
        serving(silent) as port,
        reaching(allowed=LOOPBACK, timeouts=Timeouts(total=0.05)) as outbound,
    ):
        with pytest.raises(OutboundError):
            await outbound.fetch(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "ftp://example.org/", "file:///etc/passwd", "https://user@example.org/", "https:///",
        "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest",
        "https://2130706433/", "https://0x7f.1/", "https://localhost/", "https://example.org:99999/", "https://[::1",
    ],
)  # fmt: skip
async def test_urls_that_lead_inside_are_refused(url):
    async with reaching(timeouts=Timeouts(0.5, 0.5, 2)) as outbound:
        with pytest.raises(OutboundError):
            await outbound.fetch(url)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["::ffff:7f00:1"], []])
async def test_a_name_with_an_address_inside_is_refused(addresses):
    async def resolve(host, port):
        return addresses

    async with reaching(resolve=resolve) as outbound:
        with pytest.raises(OutboundError, match="not on the public internet"):
            await outbound.fetch("https://rebinding.example/")


async def test_a_name_is_resolved_once_and_the_connection_goes_to_that_very_address(tmp_path):
    server, client = tls_pair(tmp_path, "pinned.example")
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def resolve(host, port):
        return answers.pop(0)

    async with (
        serving(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close"), server) as port,
        reaching(allowed=LOOPBACK, resolve=resolve, tls=client) as outbound,
    ):
        assert (await outbound.fetch(f"https://pinned.example:{port}/")).status == 200
        assert len(answers) == 1
        with pytest.raises(OutboundError, match="not on the public internet"):
            await outbound.fetch(f"https://pinned.example:{port}/")


async def test_a_certificate_of_another_name_is_refused(tmp_path):
    server, client = tls_pair(tmp_path, "other.example")

    async def resolve(host, port):
        return ["127.0.0.1"]

    async with (
        serving(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0"), server) as port,
        reaching(allowed=LOOPBACK, resolve=resolve, tls=client) as outbound,
    ):
        with pytest.raises(OutboundError):
            await outbound.fetch(f"https://pinned.example:{port}/")
