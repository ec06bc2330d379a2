"""HL7 v2: what memory processes have for themselves while messages come and come.

    python -m benchmarks.hl7_memory receive [--messages 1000000] [--connections 64] [--folder FOLDER]
    python -m benchmarks.hl7_memory apply [--messages 60000] [--connections 8] [--folder FOLDER]

``receive`` has a listener in a process of its own store ADT of 1 KB, each with its own control id. ``apply`` starts a
whole ``stanforis up --open`` with one process for HL7 v2, which makes each message FHIR. A line says what was reached
after so many messages: how many a second, the private memory (MB) of each Python process, the oldest first, and that
of PostgreSQL's processes together and of the largest of them.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from pathlib import Path

import uvloop

from adapters.hl7.mllp import MllpClient
from benchmarks.hl7 import listening, message
from benchmarks.hl7_apply import admission, below, is_postgres, private_memory, serving, until_applied

_STEP = 10_000
_Made = Callable[[int], bytes]


def memory(roots: Iterable[int]) -> str:
    """Return the memory of processes and all below them, for people to read."""
    pids = [pid for root in roots for pid in below(root)]
    postgres = [own_memory(pid) for pid in pids if is_postgres(pid)]
    python = [private_memory(pid) for pid in pids if not is_postgres(pid)]
    return f"Python {' '.join(f'{each:6.1f}' for each in python)}  PostgreSQL {sum(postgres):6.1f} {max(postgres):6.1f}"


def own_memory(pid: int) -> float:
    """Return the MB of a process without what it has of files and of buffers that are shared; 0 where there is none."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


async def send(port: int, connections: int, numbers: range, made: _Made) -> None:
    """Send a message for each number and wait for the answers."""
    waiting = iter(numbers)
    await asyncio.gather(*(_client(port, waiting, made) for _ in range(connections)))


async def _client(port: int, numbers: Iterator[int], made: _Made) -> None:
    async with MllpClient("127.0.0.1", port) as client:
        for number in numbers:
            if b"\rMSA|AA|" not in await client.send(made(number)):
                raise RuntimeError("a message was not acknowledged")


def watched(messages: int, step: Callable[[range], Coroutine[None, None, None]], roots: tuple[int, ...]) -> None:
    """Take a step for every so many messages, and print what is reached after each."""
    for first in range(0, messages, _STEP):
        numbers, began = range(first, min(first + _STEP, messages)), time.monotonic()
        uvloop.run(step(numbers))
        rate = len(numbers) / (time.monotonic() - began)
        sys.stdout.write(f"{numbers.stop:9,} {rate:6,.0f}/s  {memory(roots)}\n")
        sys.stdout.flush()


def receive(folder: Path, messages: int, connections: int) -> None:
    """Watch a listener alone."""
    with listening(folder) as listener:
        watched(messages, partial(send, listener.port, connections, made=message), (listener.pid, listener.postgres))
        listener.stop()


def apply(folder: Path, messages: int, connections: int) -> None:
    """Watch a whole server."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with serving(folder, port, processes=1) as (pid, base):

        async def step(numbers: range) -> None:
            await send(port, connections, numbers, admission)
            await until_applied(base, numbers.stop)

        watched(messages, step, (pid,))


def main() -> None:
    """Watch and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    work = parser.add_subparsers(dest="work", required=True)
    for name, messages, connections in (("receive", 1_000_000, 64), ("apply", 60_000, 8)):
        options = work.add_parser(name)
        options.add_argument("--messages", type=int, default=messages)
        options.add_argument("--connections", type=int, default=connections)
        options.add_argument("--folder", type=Path, help="where the data folder is made")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        run = receive if given.work == "receive" else apply
        run(Path(folder) / "data" if run is receive else Path(folder), given.messages, given.connections)


if __name__ == "__main__":
    main()
