"""Each committed version is sent to a destination, in its order, under one control id, whatever is killed meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from itertools import count
from pathlib import Path
from random import Random

import httpx
import pytest

from adapters.hl7.acknowledgement import acknowledge
from adapters.hl7.encoding import Message
from adapters.hl7.mllp import Oversized, Peer, Reply, listen
from tests.durability.killing import Kill, harass, kill_a_process, kill_everything, kill_postgres
from tests.durability.server import Server
from tests.durability.test_hl7_applied_once import families, free_port

CLIENTS = 3
PATIENTS = 2
"""Of each client."""
PATIENCE = 60.0
"""Seconds without a message, while some are missing: what a killed process had in hand waits for its lease's end."""
PAUSE = 0.1
"""Seconds between two changes of a client, so that sending keeps up on a machine that has other work."""
HEADERS = {"content-type": "application/fhir+json"}


class Destination:
    """Takes messages; it remembers them as a receiver has to, which knows a control id that came before."""

    def __init__(self) -> None:
        self.families: dict[str, list[str]] = defaultdict(list)
        self._known: dict[str, bytes] = {}
        self.changed: list[str] = []

    async def answer(self, raw: bytes | Oversized, _peer: Peer) -> Reply:
        assert isinstance(raw, bytes)
        message = Message.parse(raw)
        control_id = message["MSH-10"]
        if control_id not in self._known:
            self._known[control_id] = raw
            self.families[message["PID-3.1"]].append(message["PID-5.1"])
        elif self._known[control_id] != raw:
            self.changed.append(control_id)
        return Reply((acknowledge(message, "AA").raw,), is_stored=True)

    async def got(self, count: int) -> None:
        """Wait for so many messages; one has to come every so often."""
        before, since = -1, 0.0
        while (now := sum(map(len, self.families.values()))) < count:
            since = 0.0 if now != before else since + 0.1
            assert since < PATIENCE, f"{count - now} of {count} messages are missing"
            before = now
            await asyncio.sleep(0.1)


class Load:
    """Clients that change patients of their own; what is not answered is tried once more with another name."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = count()
        self._stopping = False

    async def client(self, number: int) -> None:
        async with httpx.AsyncClient(timeout=20) as client:
            while not self._stopping:
                step = next(self._numbers)
                name = f"k{number}-{step % PATIENTS}"
                resource = {
                    "resourceType": "Patient",
                    "id": name,
                    "identifier": [{"system": "urn:oid:1.2.3", "value": name}],
                    "name": [{"family": f"N{step}"}],
                }
                with contextlib.suppress(httpx.HTTPError):
                    await client.put(f"{self._server.base}/Patient/{name}", json=resource, headers=HEADERS)
                await asyncio.sleep(PAUSE)

    def stop(self) -> None:
        self._stopping = True


async def committed(base: str) -> dict[str, list[str]]:
    """Return what each patient was called, the oldest first."""
    found = {}
    async with httpx.AsyncClient(base_url=base, timeout=20) as client:
        for number in range(CLIENTS):
            for each in range(PATIENTS):
                name = f"k{number}-{each}"
                versions: list[str] = []
                url = f"/Patient/{name}/_history?_count=200"
                while url:
                    answer = await client.get(url)
                    if answer.status_code != httpx.codes.OK:
                        break
                    page = answer.json()
                    # pages begin with the newest
                    versions = families(page) + versions
                    url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
                if versions:
                    found[name] = versions
    return found


async def rounds(folder: Path, sites: Path, kills: list[Kill]) -> None:
    chance = Random(len(kills))  # noqa: S311 - a repeatable course
    destination = Destination()
    listener = await listen(destination.answer, port=0)
    (sites / "north").mkdir(parents=True)
    (sites / "north/site.yaml").write_text(
        "name: north\ndestinations:\n"
        f"  - {{name: RIS, host: 127.0.0.1, port: {listener.port}, messages: [ADT_A05], start: beginning, "
        "answer_seconds: 2, validation: fields}\n"
    )
    server = Server(folder, workers=1, arguments=("--hl7", str(free_port())))
    await asyncio.to_thread(server.start)
    load = Load(server)
    clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
    try:
        await harass(server, kills, chance)
        load.stop()
        await asyncio.gather(*clients)
        wanted = await committed(server.base)
        assert len(wanted) == CLIENTS * PATIENTS
        await destination.got(sum(map(len, wanted.values())))
        assert destination.families == wanted
        assert destination.changed == [], "another message came under a known control id"
    finally:
        for client in clients:
            client.cancel()
        await asyncio.to_thread(server.stop)
        await listener.stop()


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the sites that the server is told of."""
    monkeypatch.setenv("STANFORIS_HL7_SITES", str(tmp_path / "sites"))
    return tmp_path / "sites"


async def test_every_committed_version_is_sent_once_and_in_order(tmp_path, sites):
    await rounds(tmp_path / "data", sites, [kill_a_process, kill_postgres, kill_a_process, kill_everything])


@pytest.mark.nightly
async def test_every_committed_version_is_sent_once_over_100_kills(tmp_path, sites):
    await rounds(
        tmp_path / "data", sites, [kill_a_process, kill_a_process, kill_postgres, kill_a_process, kill_everything] * 20
    )
