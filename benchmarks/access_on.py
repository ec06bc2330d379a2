"""What access control, or the audit trail, costs a server on a socket: one with it and one without, asked by turns.

    python -m benchmarks.access_on [--audit] [--patients 200] [--rounds 5] [--seconds 4] [--workers 1]

Both are ``stanforis up``, on PostgreSQL of their own, with the same resources. Without ``--audit``
neither has the audit trail; with it both have access control. Needs ``wrk``. CPU is of the server's processes and their
PostgreSQL, for each request.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.enforcement import bundle
from benchmarks.processes import Served, stanforis, started

_REQUESTS = {
    "read": "Patient/p7",
    "by patient": "Observation?subject=Patient/p7&_count=20",
    "by code": "Observation?code=http://loinc.org%7Cc1&_count=20",
    "include": "Observation?code=http://loinc.org%7Cc1&_include=Observation:subject&_count=20",
    "create": "POST Observation",
    "update": "PUT Observation/o%d-1",
}
"""What is asked: URLs, those of writes with their method; ``%d`` becomes the number of a patient, by turns."""
_DONE = re.compile(r"(\d+) requests in ([\d.]+)s")
_JSON = "application/fhir+json"
_WRITES = """
local number, headers = 0, {{}}
function init(arguments)
    for name, value in pairs(wrk.headers) do headers[name] = value end
    headers["Content-Type"] = "application/fhir+json"
end
function request()
    number = number + 1
    local patient = number % {patients}
    local path = string.format("{path}", patient)
    local id = "{method}" == "PUT" and string.format('"id":"o%d-1",', patient) or ""
    return wrk.format("{method}", path, headers, '{{"resourceType":"Observation",' .. id .. '"status":"final",' ..
        '"code":{{"coding":[{{"system":"http://loinc.org","code":"8867-4"}}]}},' ..
        '"subject":{{"reference":"Patient/p' .. patient .. '"}},"effectiveDateTime":"2026-11-23T08:00:00Z",' ..
        '"valueQuantity":{{"value":' .. number .. ',"system":"http://unitsofmeasure.org","code":"/min"}}}}')
end
"""
"""For wrk: writes an Observation of another patient each time."""


class Measured(NamedTuple):
    """What so many at once come to: requests a second, and milliseconds of CPU for each."""

    rate: float
    python: float
    postgres: float


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of server.

    Attributes:
        is_open: it has no access control.
        audit: its audit trail, ``on`` or ``off``.
    """

    is_open: bool
    audit: str


_OPEN, _ON, _AUDITED = (
    Kind(is_open=True, audit="off"),
    Kind(is_open=False, audit="off"),
    Kind(is_open=False, audit="on"),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers.

    Attributes:
        served: its processes.
        headers: of every request.
    """

    served: Served
    headers: dict[str, str]


@contextmanager
def serving(folder: Path, kind: Kind, workers: int) -> Iterator[Server]:
    """Give a server of a kind with so many API processes and a data folder of its own."""
    command = stanforis(folder, workers, is_open=kind.is_open)
    with started(command, "FHIR R4 at ", STANFORIS_AUDIT=kind.audit) as served:
        yield Server(served, {"Content-Type": _JSON} | ({} if kind.is_open else _authorization(folder)))


def _authorization(folder: Path) -> dict[str, str]:
    command = [sys.executable, "-c", "from stanforis.cli import main; main()", "token", "--data", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    return {"Authorization": f"Bearer {made.stdout.strip()}"}


def _fill(server: Server, patients: int) -> None:
    for number in range(patients):
        answer = httpx.post(server.served.base, content=bundle(number), headers=server.headers, timeout=60)
        answer.raise_for_status()


def _load(server: Server, asked: str, given: argparse.Namespace) -> Measured:
    """Ask for *asked*, see :data:`_REQUESTS`, as long and by as many as was given."""
    method, _, path = asked.rpartition(" ")
    headers = [part for name, value in server.headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t", "1", "-c", str(given.connections), "-d", f"{given.seconds}s", *headers]
    with NamedTemporaryFile("w", suffix=".lua") as script:
        if method:
            root = urlsplit(server.served.base).path
            script.write(_WRITES.format(method=method, path=f"{root}/{path}", patients=given.patients))
            script.flush()
            command += ["-s", script.name]
        before = server.served.cpu_seconds()
        made = subprocess.run([*command, f"{server.served.base}/{path}"], capture_output=True, text=True, check=True)  # noqa: S603 - words of ours
        after = server.served.cpu_seconds()
    found = _DONE.search(made.stdout)
    if found is None or "Non-2xx" in made.stdout:
        raise RuntimeError(made.stdout)
    count = int(found[1])
    python, postgres = ((after[kind] - before[kind]) / count * 1000 for kind in ("python", "postgres"))
    return Measured(count / float(found[2]), python, postgres)


def measured(given: argparse.Namespace, folder: Path) -> dict[tuple[str, bool], list[Measured]]:
    """Return what all rounds found, by request and by whether the server has what is measured."""
    kinds = (_ON, _AUDITED) if given.audit else (_OPEN, _ON)
    found: dict[tuple[str, bool], list[Measured]] = {}
    with (
        serving(folder / "without", kinds[0], given.workers) as without,
        serving(folder / "with", kinds[1], given.workers) as with_it,
    ):
        for server in (without, with_it):
            _fill(server, given.patients)
        for number in range(given.rounds + 1):
            for name, asked in _REQUESTS.items():
                for server in (without, with_it):
                    result = _load(server, asked, given)
                    if number:
                        found.setdefault((name, server is with_it), []).append(result)
    return found


def _row(name: str, without: list[Measured], with_it: list[Measured]) -> list[str]:
    """Return medians of the rounds, and what the second is more or less than the first."""
    before, after = (Measured(*map(statistics.median, zip(*rounds, strict=True))) for rounds in (without, with_it))
    cells = [f"{before.rate:,.0f}", f"{after.rate:,.0f}", f"{after.rate / before.rate - 1:+.0%}"]
    cells += [f"{each.python:.3f} + {each.postgres:.3f}" for each in (before, after)]
    return [name, *cells, f"{(after.python + after.postgres) / (before.python + before.postgres) - 1:+.0%}"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audit", action="store_true", help="measure the audit trail, not access control")
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--connections", type=int, default=8)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = measured(given, Path(folder))
    what = "trail" if given.audit else "access control"
    table = Table("request", f"without {what}, a second", "with", "", "without: ms Python + PostgreSQL", "with", "")
    for name in _REQUESTS:
        table.add_row(*_row(name, found[name, False], found[name, True]))
    Console().print(table)


if __name__ == "__main__":
    main()
