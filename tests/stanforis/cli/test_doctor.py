from __future__ import annotations

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


@contextmanager
def answering(answers: dict[str, tuple[int, bytes]]) -> Iterator[int]:
    """Stand in for a server of ours: gives its port; *answers* are status and body by path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
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
