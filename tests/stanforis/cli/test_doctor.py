from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import orjson
import pytest
from stanforis.cli.doctor import doctor
from stanforis.settings import Settings
from stanforis.storage.embedded.lock import FolderLock


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


LIVE = (200, b'{"status":"live"}')


@pytest.mark.parametrize(
    ("ready", "well"), [((200, b'{"status":"ready"}'), True), ((503, b'{"status":"not ready"}'), False)]
)
def test_a_server_whose_database_does_not_answer_is_not_well(tmp_path: Path, ready, well, capsys):
    (tmp_path / "postgres").mkdir()
    lock = FolderLock(tmp_path)
    lock.acquire("process 12")
    try:
        with answering({"/health/live": LIVE, "/health/ready": ready}) as port:
            doctor(Settings(data=tmp_path, port=port), as_json=True)
    finally:
        lock.release()
    findings = {each["check"]: each for each in orjson.loads(capsys.readouterr().out)}
    assert findings["port"]["well"]
    assert findings["database"]["well"] is well
    assert "in use by process 12" in findings["database"]["found"]
