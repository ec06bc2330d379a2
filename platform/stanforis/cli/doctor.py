"""``stanforis doctor``: what is wrong with a set-up, and how to right it."""

from __future__ import annotations

import http.client
import os
import platform
import shutil
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import orjson
from cryptography import x509
from rich.console import Console

from identity.access.hosting.running import is_noted
from stanforis import SOFTWARE
from stanforis.cli import databases
from stanforis.cli.listening import PortTakenError, exposed, open_listener
from stanforis.errors import OperatorError
from stanforis.settings import Settings
from stanforis.storage.embedded import FolderInUseError, find_programs
from stanforis.transport.tls import certificate_of

_OLDEST_PYTHON = (3, 11)
_ANSWER_SECONDS = 5.0
_MOST_BYTES = 16 * 1024**2
_FREE_BYTES = 1024**3
_MEMORY_BYTES = 1024**3
_RENEWED_BEFORE = timedelta(days=14)
_BUILT_AFTER = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: what was looked at.
        well: whether it is as it has to be.
        found: what was found, and when it is not well, how to right it.
    """

    check: str
    well: bool
    found: str


def doctor(settings: Settings, *, as_json: bool) -> bool:
    """Look at everything `up` needs, write what was found on standard output, and tell whether all is well."""
    findings = [_finding(name, check, settings) for name, check in _CHECKS.items()]
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        console.out(orjson.dumps([asdict(each) for each in findings]).decode(), highlight=False)
    else:
        for each in findings:
            mark = "[green]ok[/]" if each.well else "[red]no[/]"
            console.print(f"{mark}  {each.check}: ", end="")
            console.out(each.found, highlight=False)
    return all(each.well for each in findings)


class _NotWellError(Exception):
    """A check failed; the text says how to right it."""


def _finding(name: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, well=True, found=check(settings))
    except (_NotWellError, OperatorError, OSError) as error:
        return Finding(name, well=False, found=str(error))


def _python(_: Settings) -> str:
    if sys.version_info < _OLDEST_PYTHON:
        raise _NotWellError(f"{platform.python_version()} is too old; install Python 3.11 or newer.")
    return f"{platform.python_version()} on {platform.machine()}"


def _data(settings: Settings) -> str:
    folder = _first_existing(settings.data)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _NotWellError(f"{folder} cannot be written by this user; choose another folder with --data.")
    return f"{settings.data}" + ("" if settings.data.exists() else " (made at the first start)")


def _permissions(settings: Settings) -> str:
    if not settings.data.exists():
        return "not made yet"
    mode = settings.data.stat().st_mode & 0o777
    if mode & 0o077:
        raise _NotWellError(f"other users can look into {settings.data} ({mode:o}); run: chmod 700 {settings.data}")
    return "only its owner can look into the data folder"


def _disk(settings: Settings) -> str:
    free = shutil.disk_usage(_first_existing(settings.data)).free
    if free < _FREE_BYTES:
        raise _NotWellError(f"{free / 1e9:.1f} GB are left; make room, or choose another disk with --data.")
    return f"{free / 1e9:.0f} GB free"


def _memory(_: Settings) -> str:
    from stanforis.storage.embedded.configuration import memory  # noqa: PLC0415 - needed by this command only

    available = memory()
    if available < _MEMORY_BYTES:
        raise _NotWellError(f"{available / 1e9:.1f} GB; 1 GB is the least for a small clinic.")
    return f"{available / 1e9:.1f} GB"


def _clock(_: Settings) -> str:
    if time.time() < _BUILT_AFTER:
        raise _NotWellError("the clock is years behind, and versions would carry wrong times; set it (timedatectl).")
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _port(settings: Settings) -> str:
    try:
        open_listener(settings.host, settings.port, exposed(settings, is_open=False)).close()
    except PortTakenError:
        where = f"{settings.host}:{settings.port}"
        if not _is_stanforis(settings):
            raise
        if not is_noted(settings.data):
            raise _NotWellError(
                f"the Stanforis server on {where} is one of another data folder; choose another port."
            ) from None
        return f"a server of ours answers on {where}"
    return f"{settings.host}:{settings.port} is free"


def _health(settings: Settings, what: str) -> HTTPStatus | None:
    """Return how a server at the address answers about its health; None where none of ours does."""
    status, body = _answer(settings, f"/health/{what}")
    return status if body.startswith(b'{"status":"') else None


def _is_stanforis(settings: Settings) -> bool:
    """Tell whether the server at the address says in its CapabilityStatement that it is of this program."""
    status, body = _answer(settings, "/fhir/metadata")
    try:
        return status is HTTPStatus.OK and orjson.loads(body)["software"]["name"] == SOFTWARE
    except (ValueError, KeyError, TypeError):
        return False


def _answer(settings: Settings, path: str) -> tuple[HTTPStatus | None, bytes]:
    """Return what a server at the address answers to a GET; no status where there is no answer."""
    connection = _connection(settings)
    try:
        connection.request("GET", path, headers={"Accept": "application/fhir+json"})
        answer = connection.getresponse()
        return HTTPStatus(answer.status), answer.read(_MOST_BYTES)
    except (OSError, ValueError, http.client.HTTPException):
        return None, b""
    finally:
        connection.close()


def _connection(settings: Settings) -> http.client.HTTPConnection:
    if not settings.tls_certificate:
        return http.client.HTTPConnection(settings.host, settings.port, timeout=_ANSWER_SECONDS)
    # the certificate is of the public name, not of this address, and is a check by itself; nothing secret is sent
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(settings.host, settings.port, timeout=_ANSWER_SECONDS, context=trusting)


def _certificate(settings: Settings) -> str:
    if certificate_of(settings) is None:
        return "none: this server does not speak TLS itself"
    path = Path(settings.tls_certificate)
    ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    if ends - datetime.now(UTC) < _RENEWED_BEFORE:
        raise _NotWellError(
            f"the certificate in {path} is good until {ends:%Y-%m-%d %H:%M} UTC only; put a new one there, which a "
            "running server reads by itself."
        )
    return f"good until {ends:%Y-%m-%d}"


def _programs(settings: Settings) -> str:
    if settings.database_url:
        return "not needed with an outside database"
    folder, user = find_programs()
    return f"PostgreSQL in {folder}, run as {user}"


def _database(settings: Settings) -> str:
    if not settings.database_url and not (settings.data / "postgres").exists():
        return "made at the first start"
    try:
        with databases.opened(settings, "stanforis doctor") as database:
            problem = databases.problem(database)
    except FolderInUseError as error:
        if _health(settings, "ready") is HTTPStatus.SERVICE_UNAVAILABLE:
            raise _NotWellError(f"in use by {error.holder}, and not ready; its log says why.") from None
        return f"in use by {error.holder}"
    if problem:
        raise _NotWellError(problem)
    return "answers, and its schema is up to date"


def _first_existing(path: Path) -> Path:
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())


_CHECKS: dict[str, Callable[[Settings], str]] = {
    "Python": _python,
    "data folder": _data,
    "permissions": _permissions,
    "disk": _disk,
    "memory": _memory,
    "clock": _clock,
    "port": _port,
    "certificate": _certificate,
    "PostgreSQL": _programs,
    "database": _database,
}
