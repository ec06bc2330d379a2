"""An MLLP client and a server that others wrote (@medplum/hl7) speak with ours."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.mllp import MllpClient, listen
from adapters.hl7.receiving import Receiver
from adapters.hl7.senders import Sender, Senders
from adapters.hl7.store.memory import MemoryMessageStores
from tests.support.hl7 import ADT

CLIENT = Path(__file__).parents[3] / "support/hl7_client"
SECONDS = 60


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None or not (CLIENT / "node_modules/@medplum/hl7").exists():
        pytest.skip("no client: `make clients` gets it (needs node and npm)")
    return found


def named(number: int) -> bytes:
    return ADT.replace(b"|M1|", b"|M%d|" % number)


async def test_medplums_client_is_answered(node: str) -> None:
    stores = MemoryMessageStores()
    listener = await listen(Receiver(stores, Senders([Sender("reg", application="REG")])).receive, port=0)
    messages = [named(number).decode() for number in range(5)]
    process = await asyncio.create_subprocess_exec(
        node, "send.mjs", str(listener.port), *messages, cwd=CLIENT, stdout=-1, stderr=-1
    )
    out, error = await asyncio.wait_for(process.communicate(), SECONDS)
    await listener.stop()
    assert process.returncode == 0, error.decode()
    assert json.loads(out) == [["AA", f"M{number}"] for number in range(5)]
    assert sum((await stores.for_tenant(1).counts()).values()) == 5


async def test_medplums_server_is_sent_to(node: str) -> None:
    process = await asyncio.create_subprocess_exec(
        node, "listen.mjs", cwd=CLIENT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS), MllpClient("127.0.0.1", int(await process.stdout.readline())) as client:
        for number in range(3):
            answer = Message.parse(await client.send(named(number)))
            assert (answer["MSA-1"], answer["MSA-2"]) == ("AA", f"M{number}")
    out, _ = await asyncio.wait_for(process.communicate(b""), SECONDS)
    assert json.loads(out) == ["M0", "M1", "M2"]
