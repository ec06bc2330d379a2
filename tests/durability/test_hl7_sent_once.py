"""Each committed version is sent to a destination, in its order, under one control id, whatever is killed meanwhile."""

from __future__ import annotations

import asyncio
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
PATIENCE = 120.0
"""Seconds until all is sent: what a killed process had in hand waits for the end of its lease."""
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
                try:
                    await client.put(f"{self._server.base}/Patient/{name}", json=resource, headers=HEADERS)
                except httpx.HTTPError:
                    await asyncio.sleep(0.02)

    def stop(self) -> None:
        self._stopping = True


async def committed(base: str) -> dict[str, list[str]]:
    """Return what each patient was called, the oldest first."""
    found = {}
    async with httpx.AsyncClient(base_url=base, timeout=20) as client:
        for number in range(CLIENTS):
            for each in range(PATIENTS):
                name = f"k{number}-{each}"
                answer = await client.get(f"/Patient/{name}/_history?_count=1000")
                if answer.status_code == httpx.codes.OK:
                    found[name] = families(answer.json())
    return found


async def rounds(folder: Path, sites: Path, kills: list[Kill]) -> None:
    chance = Random(len(kills))  # noqa: S311 - a repeatable course
    destination = Destination()
    listener = await listen(destination.answer, port=0)
    (sites / "north").mkdir(parents=True)
    (sites / "north/site.yaml").write_text(
        "name: north\ndestinations:\n"
        f"  - {{name: RIS, host: 127.0.0.1, port: {listener.port}, messages: [ADT_A05], start: beginning, "
        "answer_seconds: 2}\n"
    )
    server = Server(folder, workers=1, arguments=("--hl7", str(free_port())))
    await asyncio.to_thread(server.start)
    load = Load(server)
    clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
    try:
        await harass(server, kills, chance)
    finally:
        load.stop()
        await asyncio.gather(*clients)
    try:
        wanted = await committed(server.base)
        assert len(wanted) == CLIENTS * PATIENTS
        async with asyncio.timeout(PATIENCE):
            while sum(map(len, destination.families.values())) < sum(map(len, wanted.values())):  # noqa: ASYNC110 - another process sends
                await asyncio.sleep(0.1)
        assert destination.families == wanted
        assert destination.changed == [], "another message came under a known control id"
    finally:
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
