from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest
from stanforis.cli.doctor import doctor
from stanforis.settings import Settings
from stanforis.storage.embedded.lock import FolderLock

from identity.access.hosting.running import note_running
from tests.support.certificates import certificate


@contextmanager
def answering(answers: dict[str, tuple[int, bytes]], tls: tuple[Path, Path] | None = None) -> Iterator[int]:
    """Stand in for a server of ours: gives its port; *answers* are status and body by path, *tls* its certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


OURS = (200, b'{"software":{"name":"Stanforis Health"}}')


def found(settings: Settings, capsys) -> dict[str, dict[str, Any]]:
    """Return what doctor found, by the name of the check."""
    capsys.readouterr()
    doctor(settings, as_json=True)
    return {each["check"]: each for each in orjson.loads(capsys.readouterr().out)}


@pytest.mark.parametrize(
    ("ready", "well"), [((200, b'{"status":"ready"}'), True), ((503, b'{"status":"not ready"}'), False)]
)
def test_a_server_whose_database_does_not_answer_is_not_well(tmp_path: Path, ready, well, capsys):
    (tmp_path / "postgres").mkdir()
    lock = FolderLock(tmp_path)
    lock.acquire("process 12")
    try:
        note_running(tmp_path, "http://127.0.0.1/fhir", is_open=False)
        with answering({"/fhir/metadata": OURS, "/health/ready": ready}) as port:
            findings = found(Settings(data=tmp_path, port=port), capsys)
    finally:
        lock.release()
    assert findings["port"]["well"]
    assert findings["database"]["well"] is well
    assert "in use by process 12" in findings["database"]["found"]


@pytest.mark.parametrize(
    "metadata",
    [
        (200, b'{"software":{"name":"HAPI FHIR Server"}}'),
        (200, b'{"status":"UP"}'),
        (200, b"[]"),
        (200, b"<html>"),
        (401, OURS[1]),
    ],
)
def test_a_server_of_others_is_not_ours(tmp_path: Path, metadata, capsys):
    note_running(tmp_path, "http://127.0.0.1/fhir", is_open=False)
    with answering({"/health/live": (200, b'{"status":"UP"}'), "/fhir/metadata": metadata}) as port:
        finding = found(Settings(data=tmp_path, port=port), capsys)["port"]
    assert not finding["well"]
    assert "in use" in finding["found"]


def test_a_server_of_another_data_folder_is_told_from_ours(tmp_path: Path, capsys):
    with answering({"/fhir/metadata": OURS}) as port:
        finding = found(Settings(data=tmp_path, port=port), capsys)["port"]
    assert not finding["well"]
    assert "another data folder" in finding["found"]


def test_a_server_that_speaks_tls_is_found(tmp_path: Path, capsys):
    note_running(tmp_path, "https://clinic.example/fhir", is_open=False)
    chain, key = certificate(tmp_path, "clinic.example", days=90)
    with answering({"/fhir/metadata": OURS}, (chain, key)) as port:
        settings = Settings(data=tmp_path, port=port, tls_certificate=str(chain), tls_key=str(key))
        findings = found(settings, capsys)
    assert findings["port"]["well"]
    assert "a server of ours answers" in findings["port"]["found"]
    assert findings["certificate"]["well"]


@pytest.mark.parametrize("days", [-1, 13])
def test_a_certificate_that_ends_soon_is_not_well(tmp_path: Path, days: float, capsys):
    chain, key = certificate(tmp_path, "clinic.example", days=days)
    settings = Settings(data=tmp_path, tls_certificate=str(chain), tls_key=str(key))
    finding = found(settings, capsys)["certificate"]
    assert not finding["well"]
    assert "put a new one there" in finding["found"]


def test_a_certificate_that_cannot_be_read_is_not_well(tmp_path: Path, capsys):
    chain, _ = certificate(tmp_path, "clinic.example", days=90)
    finding = found(Settings(data=tmp_path, tls_certificate=str(chain)), capsys)["certificate"]
    assert not finding["well"]
    assert "cannot be used" in finding["found"]


def test_without_a_certificate_all_is_well(tmp_path: Path, capsys):
    assert found(Settings(data=tmp_path), capsys)["certificate"]["well"]
