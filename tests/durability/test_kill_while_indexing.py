"""A server that is killed while it builds a search parameter goes on where it was, and loses no entry."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from tests.durability.server import Server, is_alive, kill, until

PATIENTS = 3000
_AT_ONCE = 500
OWN = {
    "resourceType": "SearchParameter", "id": "own", "url": "http://example.org/own", "name": "Own", "status": "active",
    "description": "For tests.", "code": "own", "base": ["Patient"], "type": "string",
    "expression": "Patient.name.where(use = 'nickname').given",
}  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server in an empty folder."""
    started = Server(tmp_path / "data")
    try:
        started.start()
        yield started
    finally:
        started.stop()
        kill(pid for pid in started.started if is_alive(pid))


def ask(server: Server, method: str, path: str, tree: dict[str, Any] | None = None) -> Any:
    """Return the JSON of an answer; None where it is a refusal."""
    base = urlsplit(server.base)
    connection = http.client.HTTPConnection(str(base.hostname), base.port, timeout=30)
    body = None if tree is None else orjson.dumps(tree)
    connection.request(method, base.path + path, body, {"content-type": "application/fhir+json"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return orjson.loads(content) if answer.status < 300 else None


def patients(first: int) -> dict[str, Any]:
    names = (f"p{number}" for number in range(first, first + _AT_ONCE))
    entries = [
        {
            "resource": {"resourceType": "Patient", "id": name, "name": [{"use": "nickname", "given": ["Kiki"]}]},
            "request": {"method": "PUT", "url": f"Patient/{name}"},
        }
        for name in names
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def job(server: Server) -> dict[str, Any]:
    """Return the parts of the job that builds."""
    found = ask(server, "GET", "/$reindex-status") or {}
    for each in found.get("parameter", ()):
        if each["name"] == "reindex":
            return {
                part["name"]: value for part in each["part"] for name, value in part.items() if name.startswith("value")
            }
    return {"state": "none", "done": 0}


def test_a_killed_server_goes_on(server: Server) -> None:
    for first in range(0, PATIENTS, _AT_ONCE):
        assert ask(server, "POST", "", patients(first)) is not None
    assert ask(server, "PUT", "/SearchParameter/own", OWN) is not None
    until(lambda: job(server)["done"] > 0)
    server.kill_all()
    server.until_nothing_is_left()
    server.start()
    until(lambda: job(server)["state"] == "done")
    assert job(server)["done"] == PATIENTS
    found = until(lambda: ask(server, "GET", "/Patient?own:exact=Kiki&_summary=count"))
    assert found["total"] == PATIENTS
