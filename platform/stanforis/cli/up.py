"""``stanforis up``: the database, its schema and the API processes, as one thing that starts and ends together."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from stanforis.cli import databases
from stanforis.cli.accepting import shared_counts
from stanforis.cli.children import Child, fork
from stanforis.cli.hl7_process import exposed as hl7_exposed
from stanforis.cli.hl7_process import owner_authorization, run_hl7
from stanforis.cli.listening import exposed, open_listener, url_host
from stanforis.cli.supervisor import Run, Supervisor
from stanforis.cli.worker import Application, Door, run_worker
from stanforis.settings import Settings
from stanforis.storage.embedded import EmbeddedPostgres
from stanforis.storage.secrets import installation_secret
from stanforis.telemetry import configure_logging, metrics, resolved_format
from stanforis.transport.cors import by_address
from stanforis.transport.own_host import OwnHost
from stanforis.transport.shell import Shell
from stanforis.transport.tls import certificate_of

CreateApp = Callable[[Settings, bool], Application]
Announce = Callable[[str], None]

_OPEN = (
    "NO ACCESS CONTROL (--open): whoever uses this machine can read and change every record. For development only, "
    "never with records of real people."
)
log = logging.getLogger("stanforis.up")


def fhir_app(settings: Settings, is_open: bool) -> Application:
    """Return the FHIR server's ASGI application; *is_open*: it lets everybody in."""
    authority = None if is_open else importlib.import_module("identity.access.hosting.authority").Authority(settings)
    app = importlib.import_module("fhir_api.app").create_app(settings, access=authority)
    if settings.hl7_port >= 0:
        operation = importlib.import_module("adapters.hl7.operation.mount")
        authorization = None if is_open else owner_authorization(settings)
        app.put_beside(operation.Operation(app, settings, authority, authorization))
    made: Application = app
    return made


def up(
    settings: Settings,
    announce: Announce,
    *,
    create_app: CreateApp = fhir_app,
    demo: bool = False,
    is_open: bool = False,
) -> None:
    """Serve until INT, TERM or HUP.

    Args:
        settings: of this installation.
        announce: told what an operator wants to know, a line at a time.
        create_app: makes the application, once, before the API processes are forked from this one.
        demo: put a few invented patients into an empty server.
        is_open: let everybody on this machine in.

    Raises:
        ListenError, FolderInUseError, EmbeddedPostgresError, ChildError, WorkerStartError: it cannot run; see there.
    """
    workers = settings.workers or len(os.sched_getaffinity(0))
    settings = replace(settings, log_format=resolved_format(settings.log_format))
    configure_logging(settings.log_level, settings.log_format)
    with ExitStack() as stack:
        stack.enter_context(_interrupted_by_term())
        listener = stack.enter_context(open_listener(settings.host, settings.port, exposed(settings, is_open=is_open)))
        settings = _addressed(settings, listener)
        hl7 = _hl7_listener(stack, settings)
        if is_open:
            log.warning(_OPEN)
            # nobody says who he is: a trail would name nobody
            settings = replace(settings, audit="off")
        holder = f"process {os.getpid()} ({settings.base_url})"
        # a process for HL7 v2 has pools for messages beside that of the FHIR server in it
        pools = workers + (2 * settings.hl7_processes if hl7 is not None else 0)
        database = stack.enter_context(databases.opened(settings, holder, pools))
        metrics.share(stack.enter_context(_counts_folder()))
        app = _prepared(database, create_app, is_open=is_open)
        stack.enter_context(_noted(settings, is_open=is_open))
        serve = _serving(app, listener, shared_counts(workers), settings, database.postgres, is_open=is_open)
        processes = workers
        if hl7 is not None:
            processes = workers + settings.hl7_processes
            serve = _with_hl7(serve, workers, app, database, hl7, is_open=is_open)
        supervisor = Supervisor(serve, processes, listener, settings.drain_time, database.postgres)
        supervisor.run(lambda: _on_ready(database.settings, announce, hl7, demo=demo, is_open=is_open))
        announce("Stopped.")


def _prepared(database: databases.Database, create_app: CreateApp, *, is_open: bool) -> Application:
    """Return the application, made while a child brings the schema up to date."""
    settings = database.settings
    settings = replace(settings, secret=settings.secret or installation_secret(settings.data))
    with Child(lambda: databases.make_ready(database)) as migration:
        app = create_app(settings, is_open)
        migration.wait()
    gc.collect()
    # What was made so far is never collected, so that its pages stay shared between the API processes.
    gc.freeze()
    return app


def _serving(
    app: Application,
    listener: socket.socket,
    counts: memoryview,
    settings: Settings,
    postgres: EmbeddedPostgres | None,
    *,
    is_open: bool,
) -> Run:
    """Return what an API process does."""
    certificate = certificate_of(settings)
    app = Shell(app, settings, len(counts), getattr(app, "who_allows", by_address))
    if is_open:
        app = OwnHost(app, settings.base_url)

    def serve(slot: int, on_ready: Callable[[], None]) -> None:
        if postgres is not None:
            # The lock of the data folder is the supervisor's, and free as soon as that ends.
            postgres.lock.disown()
        metrics.take_slot(slot)
        run_worker(app, Door(listener, counts, slot, certificate), settings, on_ready)

    return serve


def _hl7_listener(stack: ExitStack, settings: Settings) -> socket.socket | None:
    """Return the socket for HL7 v2 messages; None where none are taken."""
    if settings.hl7_port < 0:
        return None
    return stack.enter_context(open_listener(settings.hl7_host, settings.hl7_port, hl7_exposed(settings)))


def _with_hl7(
    serve: Run, first: int, app: Application, database: databases.Database, listening: socket.socket, *, is_open: bool
) -> Run:
    """Return what a process does where those from the *first* on take HL7 v2 messages, and the others serve the API."""

    def run(number: int, on_ready: Callable[[], None]) -> None:
        if number < first:
            serve(number, on_ready)
            return
        if database.postgres is not None:
            database.postgres.lock.disown()
        metrics.take_slot(number)
        run_hl7(app, database.settings, listening, on_ready, is_open=is_open, sends=number == first)

    return run


def _on_ready(
    settings: Settings, announce: Announce, hl7: socket.socket | None, *, demo: bool, is_open: bool
) -> Sequence[int]:
    """Say where the server is, and return the process ids of what goes on beside it."""
    announce(f"FHIR R4 at {settings.base_url}")
    if hl7 is not None:
        announce(f"HL7 v2 at mllp://{url_host(settings.hl7_host)}:{hl7.getsockname()[1]}")
    if not demo and is_open:
        return ()
    from stanforis.cli import welcome  # noqa: PLC0415 - only where it is asked for

    # Not waited for: the supervisor has to watch the API processes meanwhile.
    return (fork(lambda: welcome.welcome(settings, announce, demo=demo, is_open=is_open)),)


@contextmanager
def _noted(settings: Settings, *, is_open: bool) -> Iterator[None]:
    """Leave word in the data folder of where the server is, for as long as it is there."""
    from identity.access.hosting import running  # noqa: PLC0415 - whoever imports this module for its parts

    running.note_running(settings.data, settings.base_url, is_open=is_open)
    try:
        yield
    finally:
        running.forget_running(settings.data)


def _addressed(settings: Settings, listener: socket.socket) -> Settings:
    """Return the settings with the port that was taken and the base URL clients use."""
    port = listener.getsockname()[1]
    scheme = "https" if settings.tls_certificate else "http"
    return replace(
        settings, port=port, base_url=settings.base_url or f"{scheme}://{url_host(settings.host)}:{port}/fhir"
    )


@contextmanager
def _counts_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="stanforis-metrics-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _interrupted_by_term() -> Iterator[None]:
    """Treat TERM and HUP like Ctrl-C, so that a start that is broken off leaves nothing behind."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
