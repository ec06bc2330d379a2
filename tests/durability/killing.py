"""Killing parts of a real server while it is under load."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from random import Random

from tests.durability.server import Server, kill

Kill = Callable[[Server, Random], None]
"""Kills something of a server; it is back, or started again, when the server is ready."""


def kill_a_process(server: Server, chance: Random) -> None:
    kill([chance.choice(server.api_processes())])


def kill_postgres(server: Server, _chance: Random) -> None:
    kill([server.postmaster])


def kill_everything(server: Server, _chance: Random) -> None:
    server.kill_all()
    server.until_nothing_is_left()
    server.start()


def stop_postgres(server: Server, _chance: Random) -> None:
    """Have PostgreSQL end as it does when somebody stops it; what it was doing is rolled back."""
    os.kill(server.postmaster, signal.SIGINT)


def stop_everything(server: Server, _chance: Random) -> None:
    server.stop()
    server.start()


async def harass(server: Server, kills: Sequence[Kill], chance: Random) -> None:
    """Kill one thing after another, each after a moment of work."""
    for each in kills:
        await asyncio.sleep(chance.uniform(0.3, 0.8))
        await asyncio.to_thread(each, server, chance)
        await asyncio.to_thread(server.until_ready)
    await asyncio.sleep(0.3)
