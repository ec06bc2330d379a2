"""Response heads and bodies that leave together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from stanforis.cli.joining import JoiningTransport


class Wire(asyncio.Transport):
    """Notes what it is told to do, each call of the kernel as one."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.calls.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.calls.append(b"".join(list_of_data))

    def close(self) -> None:
        self.calls.append(b"<closed>")

    def abort(self) -> None:
        self.calls.append(b"<aborted>")


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def transport(wire: Wire) -> JoiningTransport:
    return JoiningTransport(wire, asyncio.get_running_loop())


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


async def test_a_head_leaves_with_its_body(wire: Wire, transport: JoiningTransport) -> None:
    for _ in range(2):
        transport.write(HEAD)
        transport.write(b"body")
        await asyncio.sleep(0)
    assert wire.calls == [HEAD + b"body"] * 2


async def test_a_head_alone_leaves_in_the_next_turn(wire: Wire, transport: JoiningTransport) -> None:
    transport.write(HEAD)
    assert wire.calls == []
    await asyncio.sleep(0)
    assert wire.calls == [HEAD]


async def test_pieces_of_a_body_leave_as_they_come(wire: Wire, transport: JoiningTransport) -> None:
    transport.write(HEAD)
    for piece in (b"a", b"b", b""):
        transport.write(piece)
    await asyncio.sleep(0)
    assert wire.calls == [HEAD + b"a", b"b", b""]


async def test_what_is_held_back_is_written_before_the_end(wire: Wire, transport: JoiningTransport) -> None:
    transport.write(HEAD)
    transport.close()
    await asyncio.sleep(0)
    assert wire.calls == [HEAD, b"<closed>"]


async def test_nothing_is_written_after_an_abort(wire: Wire, transport: JoiningTransport) -> None:
    transport.write(HEAD)
    transport.abort()
    await asyncio.sleep(0)
    assert wire.calls == [b"<aborted>"]
