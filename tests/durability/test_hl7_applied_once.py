"""Each acknowledged HL7 v2 message is applied once and in its order, whatever is killed meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.mllp import MllpClient, MllpError
from tests.durability.killing import (
    Kill,
    harass,
    kill_a_process,
    kill_everything,
    kill_postgres,
    stop_everything,
    stop_postgres,
)
from tests.durability.server import Server

CLIENTS = 4
PATIENTS = 3
"""Of each client."""
PATIENCE = 90.0
"""Seconds without a message being applied: what a killed process had in hand waits for the end of its lease."""
PAUSE = 0.05
"""Seconds between two messages of a client, so that what comes can be applied as fast."""


def adt(control_id: str, mrn: str, family: str) -> bytes:
    return (
        f"MSH|^~\\&|DEMO|CLINIC|EHR|HOSPITAL|20261123101500||ADT^A08^ADT_A01|{control_id}|P|2.5.1\r"
        f"EVN|A08|20261123101500\rPID|1||{mrn}^^^CLINIC&1.2.3&ISO^MR||{family}^Diane||19900101|F\rPV1|1|O\r"
    ).encode()


class Load:
    """Clients that send changes of their own patients, each until it is acknowledged."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = count()
        self._stopping = False
        self.sent: dict[str, list[str]] = defaultdict(list)

    async def client(self, number: int) -> None:
        async with MllpClient("127.0.0.1", self._port, answer_seconds=30) as client:
            while not self._stopping:
                step = next(self._numbers)
                mrn, family = f"{number}-{step % PATIENTS}", f"N{step}"
                self.sent[mrn].append(family)
                await self._until_acknowledged(client, adt(f"M{step}", mrn, family))
                await asyncio.sleep(PAUSE)

    async def _until_acknowledged(self, client: MllpClient, raw: bytes) -> None:
        while True:
            try:
                answer = Message.parse(await client.send(raw))
            except MllpError:
                await asyncio.sleep(0.02)
                continue
            if answer["MSA-1"] == "AA":
                return

    def stop(self) -> None:
        self._stopping = True


def families(history: dict[str, Any]) -> list[str]:
    """Return what a patient was called by a page of its history, the oldest first."""
    return [entry["resource"]["name"][0]["family"] for entry in reversed(history["entry"])]


async def applied(base: str, mrn: str) -> list[str]:
    async with httpx.AsyncClient(base_url=base, timeout=20) as client:
        found = (await client.get("/Patient", params={"identifier": mrn})).json().get("entry", [])
        if not found:
            return []
        (entry,) = found
        versions: list[str] = []
        url = f"/Patient/{entry['resource']['id']}/_history?_count=1000"
        while url:
            page = (await client.get(url)).json()
            # pages begin with the newest
            versions = families(page) + versions
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        return versions


async def until_applied(base: str, mrn: str, count: int) -> None:
    """Return when a patient has so many versions; fail when nothing is applied for a while."""
    seen = 0
    while seen < count:
        async with asyncio.timeout(PATIENCE):
            while (now := len(await applied(base, mrn))) <= seen:  # noqa: ASYNC110 - another process applies
                await asyncio.sleep(0.1)
        seen = now


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def rounds(folder: Path, kills: list[Kill]) -> None:
    chance = Random(len(kills))  # noqa: S311 - a repeatable course
    port = free_port()
    server = Server(folder, workers=1, arguments=("--hl7", str(port)))
    await asyncio.to_thread(server.start)
    load = Load(port)
    clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
    try:
        await harass(server, kills, chance)
        load.stop()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*clients)
        for mrn, sent in load.sent.items():
            await until_applied(server.base, mrn, len(sent))
            assert await applied(server.base, mrn) == sent
    finally:
        for client in clients:
            client.cancel()
        await asyncio.to_thread(server.stop)


async def test_every_acknowledged_message_is_applied_once_and_in_order(tmp_path):
    await rounds(tmp_path / "data", [kill_a_process, kill_postgres, kill_a_process, kill_everything])


async def test_every_acknowledged_message_is_applied_once_where_things_are_stopped_under_load(tmp_path):
    await rounds(tmp_path / "data", [stop_postgres, stop_everything, stop_postgres])


@pytest.mark.nightly
async def test_every_acknowledged_message_is_applied_once_over_200_kills(tmp_path):
    await rounds(
        tmp_path / "data", [kill_a_process, kill_a_process, kill_postgres, kill_a_process, kill_everything] * 40
    )
