"""HL7 v2: how fast messages are parsed, beside other parsers, and acknowledged after they are on disk.

    python -m benchmarks.hl7 parse FOLDER                        # files of one message each
    python -m benchmarks.hl7 receive [--connections 16] [--seconds 10]
    python -m benchmarks.hl7 map [--seconds 5]

``parse`` gives every parser the same messages in the same run and process. "split" is what nobody can be faster than:
the bytes as lines, the lines as fields. "walked" reads every subcomponent with its place. Parsers that are not
installed (``hl7``, ``hl7apy``) are left out; what a parser refuses counts as parsed.

``receive`` starts an embedded PostgreSQL that waits for the disk, a listener in a process of its own and clients in
this one; each client waits for an answer before it sends its next message (1 KB, an ADT with its own control id and
patient).

``map`` maps an ADT of 1 KB and an ORU with 20 OBX from bytes to the JSON of a transaction Bundle, on one core in one
process; each message has its own control id and patient.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import uvloop
from rich.console import Console
from rich.table import Table
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres
from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import open_contexts

from adapters.hl7.encoding import Message
from adapters.hl7.mapping import Plan
from adapters.hl7.mllp import framed, listen
from adapters.hl7.receiving import Receiver
from adapters.hl7.senders import Sender, Senders
from adapters.hl7.store.postgres import migrations
from adapters.hl7.store.postgres.store import open_message_stores
from fhir_api.model import exact_json
from mappings.merging import common

Parse = Callable[[bytes], object]

_ADT = (
    "MSH|^~\\&|REG|CLINIC|EHR|HOSPITAL|20261123101500||ADT^A08^ADT_A01|{id}|P|2.5.1\r"
    "EVN|A08|20261123101500\r"
    "PID|1||{patient}^^^CLINIC&1.2.3&ISO^MR~{patient}^^^NIDA^NI||Uwase^Diane^^^^^L||19900101|F|||"
    "KN 5 Rd^^Kigali^^^RWA||+250788000000|||S||{patient}\r"
    "NK1|1|Mugisha^Eric|SPO|KN 5 Rd^^Kigali^^^RWA|+250788000001\r"
    "PV1|1|I|WARD^2^1||||007^Hakizimana^Patrick|||MED||||1|||007^Hakizimana^Patrick|INP|V{patient}\r"
    "OBX|1|NM|8302-2^Body height^LN||171|cm|||||F\r"
    "OBX|2|NM|29463-7^Body weight^LN||64.5|kg|||||F\r"
    "AL1|1|DA|PEN^Penicillin|SV|Rash\r"
    "IN1|1|RSSB|1|Rwanda Social Security Board|||||||||||S|Uwase^Diane|SEL|19900101\r"
    "ZPI|1|{filler}\r"
)

_ORU = (
    "MSH|^~\\&|LAB|CLINIC|EHR|HOSPITAL|20261123101500||ORU^R01^ORU_R01|{id}|P|2.5.1\r"
    "PID|1||{patient}^^^CLINIC&1.2.3&ISO^MR||Uwase^Diane||19900101|F\r"
    "PV1|1|I|WARD^2^1|||||||||||||||||V{patient}\r"
    "ORC|RE|P{id}|F{id}\r"
    "OBR|1|P{id}|F{id}|58410-2^CBC panel^LN|||20261123090000|||||||||007^Hakizimana^Patrick||||||20261123100000|||F\r"
)
_OBX = "OBX|{number}|NM|{code}-{check}^Test {number}^LN||{number}.5|mg/dL^^UCUM|1.0-99.0|N|||F|||20261123093000\r"


def message(number: int) -> bytes:
    """Return an ADT of about 1 KB with control id and patient of its own."""
    text = _ADT.format(id=f"M{number}", patient=number % 100_000, filler="x" * 180)
    return text.encode()


def split(raw: bytes) -> object:
    """Take lines and fields apart, and nothing else."""
    return [line.split("|") for line in raw.decode("utf-8", "replace").splitlines()]


def walked(raw: bytes) -> object:
    """Read every subcomponent with its place."""
    return [text for _, text in Message.parse(raw).leaves()]


def parsers() -> dict[str, Parse]:
    """Return the parsers that are installed."""
    found: dict[str, Parse] = {"split": split, "this project": Message.parse, "this project, walked": walked}
    if find_spec("hl7"):
        found["python-hl7"] = partial(_as_text, import_module("hl7").parse)
    if find_spec("hl7apy"):
        found["hl7apy"] = partial(_as_text, import_module("hl7apy.parser").parse_message)
    return found


def _as_text(parse: Callable[[str], object], raw: bytes) -> object:
    # neither of them takes a byte order mark or ends of lines other than CR
    text = raw.decode("utf-8-sig", "replace").replace("\r\n", "\r").replace("\n", "\r")
    try:
        return parse(text)
    except Exception as error:  # noqa: BLE001 - whatever it refuses
        return error


def rates(messages: list[bytes], seconds: float) -> dict[str, float]:
    """Return messages parsed a second of CPU by each parser, the whole list at least once."""
    return {name: _rate(parse, messages, seconds) for name, parse in parsers().items()}


def _rate(parse: Parse, messages: list[bytes], seconds: float) -> float:
    started, count = time.process_time(), 0
    while not count or time.process_time() - started < seconds:
        for raw in messages:
            parse(raw)
        count += len(messages)
    return count / (time.process_time() - started)


async def serve(database: ConnectionInfo, ready: Connection) -> None:
    """Listen until a word comes."""
    stores = await open_message_stores(PoolOptions(dsn=database.app_dsn), await open_contexts(database.owner_dsn))
    listener = await listen(Receiver(stores, Senders([Sender("any")])).receive, port=0)
    ready.send(listener.port)
    await asyncio.to_thread(ready.recv)
    await listener.stop()
    await stores.close()
    ready.send(time.process_time())


def _serve(database: ConnectionInfo, ready: Connection) -> None:
    uvloop.run(serve(database, ready))


async def send(port: int, connections: int, seconds: float, first: int) -> list[float]:
    """Return how long each answer took, in seconds; control ids count from *first*."""
    numbers = itertools.count(first)
    until = time.monotonic() + seconds
    taken = await asyncio.gather(*(_client(port, numbers, until) for _ in range(connections)))
    return [each for part in taken for each in part]


async def _client(port: int, numbers: Iterable[int], until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken: list[float] = []
    for number in numbers:
        started = time.monotonic()
        if started > until:
            break
        writer.write(framed(message(number)))
        answer = await reader.readuntil(b"\x1c\r")
        taken.append(time.monotonic() - started)
        if b"\rMSA|AA|" not in answer:
            raise RuntimeError("a message was not acknowledged")
    writer.close()
    return taken


class Listening(NamedTuple):
    """A listener in a process of its own, and its database.

    Attributes:
        port: where it listens.
        pid: its process id.
        postgres: that of PostgreSQL's first process.
        stop: ends it and returns the seconds of CPU that it has used.
    """

    port: int
    pid: int
    postgres: int
    stop: Callable[[], float]


@contextmanager
def listening(folder: Path) -> Iterator[Listening]:
    """Run a listener with an embedded PostgreSQL."""
    with EmbeddedPostgres(folder) as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        here, there = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_serve, args=(cluster.connection, there))
        process.start()

        def stop() -> float:
            here.send("stop")
            cpu: float = here.recv()
            process.join()
            return cpu

        postmaster = int((folder / "postgres/postmaster.pid").read_text().split()[0])
        yield Listening(here.recv(), process.pid or 0, postmaster, stop)


def receive(connections: int, seconds: float, folder: Path) -> dict[str, float]:
    """Return messages acknowledged a second, their times in milliseconds, and the listener's CPU for each."""
    with listening(folder) as listener:
        warming = len(uvloop.run(send(listener.port, connections, 1, 0)))
        times = sorted(uvloop.run(send(listener.port, connections, seconds, warming + connections)))
        cpu = listener.stop()
    return {
        "a second": len(times) / seconds,
        "p50 ms": times[len(times) // 2] * 1000,
        "p99 ms": times[int(len(times) * 0.99)] * 1000,
        "listener CPU, s": cpu,
    }


def result(number: int) -> bytes:
    """Return an ORU with 20 results, with control id and patient of its own."""
    results = "".join(_OBX.format(number=each, code=1000 + each, check=each % 10) for each in range(1, 21))
    return (_ORU.format(id=f"R{number}", patient=number % 100_000) + results).encode()


_ROUND = 50
"""Messages of a round."""


def mapped(seconds: float) -> dict[str, float]:
    """Return how many messages a second of CPU become the JSON of a Bundle, in the best round.

    A round has new messages; the best one is that which neighbours on the machine disturbed least.
    """
    plan = Plan(common(), "bench")

    def rate(made: Callable[[int], bytes]) -> float:
        best, first, start = 0.0, 0, time.process_time()
        while time.process_time() - start < seconds:
            messages = [made(number) for number in range(first, first + _ROUND)]
            first, began = first + _ROUND, time.process_time()
            for raw in messages:
                exact_json.written(plan.apply(Message.parse(raw)).bundle)
            best = max(best, _ROUND / (time.process_time() - began))
        return best

    for made in (message, result):
        plan.apply(Message.parse(made(0)))
    # as the server's workers do: what stays is not looked through again and again
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    return {"ADT, 1 KB": rate(message), "ORU, 20 OBX": rate(result)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    work = parser.add_subparsers(dest="work", required=True)
    parsing = work.add_parser("parse")
    parsing.add_argument("folder", type=Path)
    parsing.add_argument("--seconds", type=float, default=3)
    receiving = work.add_parser("receive")
    receiving.add_argument("--connections", type=int, default=16)
    receiving.add_argument("--seconds", type=float, default=10)
    mapping = work.add_parser("map")
    mapping.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    if options.work == "parse":
        messages = [path.read_bytes() for path in sorted(options.folder.glob("*.hl7"))]
        figures = rates(messages, options.seconds)
        table = Table("parser", "messages a second of CPU", title=f"{len(messages)} messages")
    elif options.work == "map":
        figures = mapped(options.seconds)
        table = Table("from bytes to Bundle", "messages a second of CPU", title="mapping on one core")
    else:
        with tempfile.TemporaryDirectory() as folder:
            figures = receive(options.connections, options.seconds, Path(folder) / "data")
        table = Table("acknowledged", "figure", title=f"{options.connections} connections")
    for name, figure in figures.items():
        table.add_row(name, f"{figure:,.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
