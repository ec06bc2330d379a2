"""Messages come over sockets, are stored, and are answered in order."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hl7.client import MLLPClient  # type: ignore[import-untyped]  # it has no types

from adapters.hl7.encoding import Message
from adapters.hl7.mllp import Limits, Listener, MllpClient, MllpError, Peer, Reply, framed, listen
from adapters.hl7.mllp.tls import client_context, server_context
from adapters.hl7.receiving import Receiver
from adapters.hl7.senders import Sender, Senders
from adapters.hl7.store.memory import MemoryMessageStores
from adapters.hl7.store.port import State
from tests.support.hl7 import ADT, ORU, samples

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def running(handler, **options) -> AsyncIterator[Listener]:
    listener = await listen(handler, port=0, **options)
    try:
        yield listener
    finally:
        await listener.stop()


def receiver(stores: MemoryMessageStores | None = None, *senders: Sender) -> Receiver:
    return Receiver(stores or MemoryMessageStores(), Senders(senders or [Sender("any")]))


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> Message:
    raw = await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 10)
    assert raw.startswith(b"\x0b")
    return Message.parse(raw[1:-2])


async def echo(frame, _peer: Peer) -> Reply:
    return Reply((frame,), is_stored=True)


async def test_many_messages_on_one_connection_are_answered_in_order():
    stores = MemoryMessageStores()
    async with running(receiver(stores).receive) as listener, connected(listener.port) as (reader, writer):
        numbered = [ADT.replace(b"|M1|", b"|N%d|" % number) for number in range(50)]
        writer.write(b"".join(map(framed, numbered)))
        answers = [await answer(reader) for _ in numbered]
    assert [each["MSA-2"] for each in answers] == [f"N{number}" for number in range(50)]
    assert {each["MSA-1"] for each in answers} == {"AA"}
    assert (await stores.for_tenant(1).counts())[State.RECEIVED] == 50


async def test_a_frame_split_at_any_byte_is_answered():
    async with running(echo) as listener, connected(listener.port) as (reader, writer):
        for cut in range(1, len(framed(ADT)), 7):
            writer.write(framed(ADT)[:cut])
            await asyncio.sleep(0)
            writer.write(framed(ADT)[cut:])
            assert (await answer(reader)).encode() == ADT


async def test_a_message_that_is_too_long_is_refused_and_the_next_one_taken():
    limits = Limits(message_bytes=1000)
    async with running(receiver().receive, limits=limits) as listener, connected(listener.port) as (reader, writer):
        writer.write(framed(ADT + b"NTE|" + b"x" * 200_000) + framed(ORU))
        refused, taken = await answer(reader), await answer(reader)
    assert (refused["MSA-1"], refused["MSA-2"], refused["ERR-3"], refused["ERR-4"]) == ("AR", "M1", "104", "F")
    assert taken["MSA-1"] == "AA"


async def test_what_is_no_message_is_refused_and_the_connection_lives_on():
    async with running(receiver().receive) as listener, connected(listener.port) as (reader, writer):
        writer.write(framed(b"hello") + framed(b"") + framed(ADT))
        assert [(await answer(reader))["MSA-1"] for _ in range(3)] == ["AR", "AR", "AA"]


async def test_connections_above_the_limit_are_closed():
    async with running(echo, limits=Limits(connections=1)) as listener, connected(listener.port) as (reader, writer):
        writer.write(framed(ADT))
        await answer(reader)
        second_reader, second_writer = await asyncio.open_connection("127.0.0.1", listener.port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(second_reader.readexactly(1), 5)
        second_writer.close()
        writer.write(framed(ADT))
        await answer(reader)
        assert listener.connections == 1


async def test_a_silent_connection_is_closed():
    limits = Limits(idle_seconds=0.05)
    async with running(echo, limits=limits) as listener, connected(listener.port) as (reader, _):
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_while_messages_are_stored_no_more_are_read():
    release, started, seen = asyncio.Event(), asyncio.Event(), 0

    async def slow(frame, _peer):
        nonlocal seen
        seen += 1
        started.set()
        await release.wait()
        return Reply((), is_stored=True)

    async with running(slow) as listener, connected(listener.port) as (_, writer):
        big = framed(ADT + b"x" * 60_000)
        writer.write(big * 1000)
        await started.wait()
        for _ in range(200):
            await asyncio.sleep(0)
        # the rest waits in buffers of the kernel and of the sender
        assert seen <= 3
        assert writer.transport.get_write_buffer_size() > 10_000_000
        writer.transport.abort()
        release.set()


async def test_a_fault_ends_one_connection_and_shows_no_message(caplog):
    async def faulty(frame, peer):
        if frame == ORU:
            raise ValueError(frame.decode())
        return await echo(frame, peer)

    async with running(faulty) as listener, connected(listener.port) as (reader, writer):
        async with connected(listener.port) as (broken, sending):
            sending.write(framed(ORU))
            assert await asyncio.wait_for(broken.read(), 5) == b""
        writer.write(framed(ADT))
        assert (await answer(reader)).encode() == ADT
    assert "ValueError" in caplog.text
    assert "Glucose" not in caplog.text


async def test_commit_bytes_come_before_the_answer():
    async with (
        running(receiver().receive, commit_bytes=True) as listener,
        connected(listener.port) as (reader, writer),
    ):
        writer.write(framed(ADT))
        assert await reader.readexactly(4) == framed(b"\x06")
        assert (await answer(reader))["MSA-1"] == "AA"
        writer.write(framed(b"\x06") + framed(b"nonsense"))
        assert await reader.readexactly(4) == framed(b"\x15")
        assert (await answer(reader))["MSA-1"] == "AR"


async def test_a_stop_answers_what_is_in_hand():
    started, release = asyncio.Event(), asyncio.Event()

    async def slow(frame, _peer):
        started.set()
        await release.wait()
        return Reply((frame,), is_stored=True)

    listener = await listen(slow, port=0)
    async with connected(listener.port) as (reader, writer), connected(listener.port) as (idle, _):
        writer.write(framed(ADT))
        await started.wait()
        stopping = asyncio.create_task(listener.stop())
        assert await asyncio.wait_for(idle.read(), 5) == b""
        release.set()
        assert (await answer(reader)).encode() == ADT
        assert await asyncio.wait_for(reader.read(), 5) == b""
        await stopping
    assert listener.connections == 0


async def test_a_stop_does_not_wait_for_ever():
    started = asyncio.Event()

    async def stuck(_frame, _peer):
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    listener = await listen(stuck, port=0, limits=Limits(stop_seconds=0.05))
    async with connected(listener.port) as (reader, writer):
        writer.write(framed(ADT))
        await started.wait()
        await listener.stop()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5)


async def test_the_client_sends_again_after_a_restart():
    async with running(receiver().receive) as listener, MllpClient("127.0.0.1", listener.port) as client:
        port = listener.port
        assert Message.parse(await client.send(ADT))["MSA-1"] == "AA"
        await listener.stop()
        with pytest.raises(MllpError):
            await client.send(ADT)
        async with await_listener(receiver().receive, port):
            assert Message.parse(await client.send(ADT))["MSA-1"] == "AA"


@asynccontextmanager
async def await_listener(handler, port: int) -> AsyncIterator[Listener]:
    listener = await listen(handler, port=port)
    try:
        yield listener
    finally:
        await listener.stop()


async def test_the_client_tells_when_nobody_answers():
    async def silent(_frame, _peer):
        return Reply((), is_stored=True)

    async with running(silent) as listener, MllpClient("127.0.0.1", listener.port, answer_seconds=0.05) as client:
        with pytest.raises(MllpError, match="TimeoutError"):
            await client.send(ADT)


async def test_the_client_tells_a_negative_commit():
    async def failing(_frame, _peer):
        return Reply((), is_stored=False)

    async with (
        running(failing, commit_bytes=True) as listener,
        MllpClient("127.0.0.1", listener.port) as client,
    ):
        with pytest.raises(MllpError, match="could not store"):
            await client.send(ADT)


async def test_an_independent_client_is_answered():
    async with running(receiver().receive) as listener:

        def send() -> list[bytes]:
            with MLLPClient("127.0.0.1", listener.port) as client:
                return [client.send_message(raw) for raw in (ADT, ORU)]

        answers = await asyncio.to_thread(send)
    codes = [Message.parse(each.strip(b"\x0b\x1c\r") + b"\r")["MSA-1"] for each in answers]
    assert codes == ["AA", "AA"]


async def test_the_mllp_send_command_is_answered(tmp_path: Path):
    file = tmp_path / "one.hl7"
    file.write_bytes(framed(ADT))
    async with running(receiver().receive) as listener:
        command = "from hl7.client import mllp_send; mllp_send()"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", command, "--port", str(listener.port), "--file", str(file), "127.0.0.1",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert b"MSA|AA|M1" in output


async def test_every_sample_is_acknowledged():
    stores = MemoryMessageStores()
    # some of them ask for no answer
    willing = receiver(stores, Sender("any", accept="AL", application_accept="NE"))
    async with running(willing.receive) as listener, MllpClient("127.0.0.1", listener.port) as client:
        for raw in samples().values():
            got = Message.parse(await client.send(raw))
            assert (got["MSA-1"], got.text_at("MSA-2")) == ("CA", Message.parse(raw).text_at("MSH-10"))
    assert sum((await stores.for_tenant(1).counts()).values()) == len(set(samples().values()))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority and certificates that it signed for ``server``, ``lab`` and ``other``."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S607

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "2")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "lab", "other"):
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", f"{name}.pem", "-days", "2", "-extfile", "names",
        )  # fmt: skip
    return folder


def fingerprint(certificate: Path) -> str:
    output = subprocess.run(
        ["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha256"],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return output.partition("=")[2].strip().replace(":", "").lower()


async def test_a_sender_is_bound_to_its_certificate(certificates):
    sender = Sender("lab", application="REG", certificates=frozenset({fingerprint(certificates / "lab.pem")}))
    tls = server_context(certificates / "server.pem", certificates / "server.key", certificates / "ca.pem")
    codes = {}
    async with running(receiver(None, sender).receive, tls=tls) as listener:
        for name in ("lab", "other"):
            own = client_context(certificates / "ca.pem", certificates / f"{name}.pem", certificates / f"{name}.key")
            async with MllpClient("127.0.0.1", listener.port, tls=own) as client:
                codes[name] = Message.parse(await client.send(ADT))["MSA-1"]
        async with MllpClient("127.0.0.1", listener.port, tls=client_context(certificates / "ca.pem")) as client:
            with pytest.raises(MllpError):
                await client.send(ADT)
    assert codes == {"lab": "AA", "other": "AR"}
