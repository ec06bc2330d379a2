"""Read, send, count: what ``stanforis load`` does from start to end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from stanforis.cli.loading.client import Client, Headers, no_credentials
from stanforis.cli.loading.refusals import Refusals
from stanforis.cli.loading.sending import Result, Sender
from stanforis.cli.loading.sources import found, shipments


@dataclass(slots=True)
class Summary:
    """What a load came to.

    Attributes:
        files: how many were read.
        resources: entries the server took.
        created: how many of those were new to it.
        refused: entries it did not take, or that could not be read.
        seconds: how long it took.
        per_second: resources a second.
    """

    files: int = 0
    resources: int = 0
    created: int = 0
    refused: int = 0
    seconds: float = 0.0
    per_second: float = 0.0


def load(
    paths: Iterable[Path],
    base: str,
    *,
    connections: int,
    keep_ids: bool,
    report: Path,
    as_json: bool = False,
    credentials: Headers = no_credentials,
) -> Summary:
    """Send every file of *paths* to the server at *base*, and write on standard output what it came to.

    Args:
        paths: files and folders.
        base: FHIR base URL.
        connections: requests at a time.
        keep_ids: see :func:`stanforis.cli.loading.bundles.of_json_file`.
        report: file for what was refused; not written when nothing was.
        as_json: write the summary as JSON.
        credentials: headers that tell the server who asks.

    Raises:
        SourceError, ServerUnreachableError, AccessRefusedError: nothing was sent.
    """
    files = found(paths)
    probe = Client(base, credentials)
    probe.require_server()
    probe.require_access()
    probe.close()
    with Refusals(report) as refusals, Sender(base, credentials) as sender, _progress(as_json=as_json) as progress:
        load_of = _Load(sender, refusals, progress, progress.add_task("Loading", total=len(files), rate=""))
        summary = load_of.run(files, connections, keep_ids=keep_ids)
    _tell(summary, report, as_json=as_json)
    return summary


class _Load:
    """One load under way: this thread reads and counts, others send; a few requests at most wait in memory."""

    def __init__(self, sender: Sender, refusals: Refusals, progress: Progress, task: TaskID) -> None:
        self._sender = sender
        self._refusals = refusals
        self._progress = progress
        self._task = task
        self._summary = Summary()
        self._started = time.monotonic()

    def run(self, files: Sequence[Path], connections: int, *, keep_ids: bool) -> Summary:
        sent: dict[Future[Result], Path] = {}
        with ThreadPoolExecutor(connections) as threads:
            for path, waits, requests in shipments(files, keep_ids=keep_ids):
                if waits:
                    self._take_finished(sent, at_most=0)
                for shipment in requests:
                    self._take_finished(sent, at_most=2 * connections - 1)
                    sent[threads.submit(self._sender.send, shipment)] = path
                self._summary.files += 1
                self._progress.advance(self._task)
            self._take_finished(sent, at_most=0)
        return self._summary

    def _take_finished(self, sent: dict[Future[Result], Path], at_most: int) -> None:
        """Wait until *at_most* requests are on their way, and count the others."""
        while len(sent) > at_most:
            finished, _ = wait(sent, return_when=FIRST_COMPLETED)
            for each in finished:
                self._count(sent.pop(each), each.result())

    def _count(self, path: Path, result: Result) -> None:
        summary = self._summary
        summary.resources += result.taken
        summary.created += result.created
        for refusal in result.refusals:
            summary.refused += refusal.entries
            self._refusals.add(path, refusal)
        summary.seconds = time.monotonic() - self._started
        summary.per_second = summary.resources / summary.seconds
        self._progress.update(self._task, rate=f"{summary.resources:,} resources, {summary.per_second:,.0f}/s")


def _progress(*, as_json: bool) -> Progress:
    files, rate = TextColumn("{task.completed}/{task.total} files"), TextColumn("{task.fields[rate]}")
    console = Console(stderr=True)
    shown = console.is_terminal and not as_json
    return Progress(BarColumn(), files, rate, TimeElapsedColumn(), console=console, disable=not shown)


def _tell(summary: Summary, report: Path, *, as_json: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        told = asdict(summary) | {"report": str(report) if summary.refused else None}
        console.out(orjson.dumps(told).decode(), highlight=False)
        return
    console.print(
        f"{summary.resources:,} resources of {summary.files:,} files in {summary.seconds:.1f} s "
        f"({summary.per_second:,.0f}/s), {summary.created:,} of them new."
    )
    if summary.refused:
        console.print(f"{summary.refused:,} entries were refused; {report} says which and why.")
