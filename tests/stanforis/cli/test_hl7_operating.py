"""``stanforis hl7 messages|senders|replay|answer|send``: what they ask, show and end with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from stanforis.cli.application import application
from stanforis.cli.hl7_sending import messages_of, send
from stanforis.errors import OperatorError
from typer.testing import CliRunner

from adapters.hl7.acknowledgement import acknowledge
from adapters.hl7.encoding.message import Message
from adapters.hl7.mllp.listener import Limits, Listener, Peer, Reply
from tests.support.hl7 import ADT, ORU

MESSAGE = {
    "number": 7,
    "received_at": "2026-11-23T10:00:00Z",
    "sender": "north/REG",
    "type": "ADT^A01",
    "control_id": "M1",
    "state": "dead",
    "reason": "refused",
}
SENDER: dict[str, Any] = {"name": "north/REG", "last_at": None, "is_silent": False, "last_hour": 1, "waiting": 0}
SENDER |= {"lag_seconds": 0.0, "parked": 0, "dead": 0}


class Server:
    """Answers with what it was told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answers: list[tuple[int, Any]] = []
        self.location = ""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                server.asked.append((self.command, self.path, json.loads(body) if body else None))
                status, told = server.answers.pop(0)
                self.send_response(status)
                if server.location:
                    self.send_header("location", server.location)
                self.end_headers()
                self.wfile.write(json.dumps(told).encode())

            do_POST = do_PUT = do_GET  # noqa: N815 - its names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/fhir"


@pytest.fixture
def server() -> Iterator[Server]:
    yield from serving()


def serving() -> Iterator[Server]:
    server = Server()
    thread = Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def run(server: Server, *words: str) -> Any:
    return CliRunner().invoke(application, ["hl7", *words, "--base", server.base])


def test_messages_are_listed_page_by_page(server):
    server.answers = [(200, {"messages": [MESSAGE], "before": 7}), (200, {"messages": [MESSAGE], "before": None})]
    found = run(server, "messages", "--state", "dead", "--since", "2026-11-23", "--count", "2", "--json")
    assert (found.exit_code, json.loads(found.stdout)) == (0, [MESSAGE, MESSAGE])
    first, second = (path for _, path, _ in server.asked)
    assert first == "/hl7/api/messages?state=dead&since=2026-11-23T00%3A00%3A00%2B00%3A00&count=2"
    assert second.endswith("&before=7&count=1")


def test_without_a_message_the_code_says_so(server):
    server.answers = [(200, {"messages": [], "before": None})]
    assert run(server, "messages").exit_code == 1


def test_what_a_message_says_is_asked_for_only_where_it_is_wanted(server):
    server.answers = [(200, MESSAGE), (200, MESSAGE), (200, {"text": "MSH|"})]
    assert run(server, "messages", "7").exit_code == 0
    assert "MSH|" in run(server, "messages", "7", "--content").stdout
    assert [path for _, path, _ in server.asked] == ["/hl7/api/messages/7"] * 2 + ["/hl7/api/messages/7/content"]


@pytest.mark.parametrize(("changed", "code"), [({}, 0), ({"is_silent": True}, 3), ({"dead": 2}, 3)])
def test_senders_end_with_what_there_is_to_look_at(server, changed, code):
    server.answers = [(200, [SENDER | changed])]
    found = run(server, "senders")
    assert (found.exit_code, "north/REG" in found.stdout) == (code, True)


@pytest.fixture
def other() -> Iterator[Server]:
    yield from serving()


def test_no_token_goes_to_a_proxy_or_where_an_answer_points(server, other, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{other.http.server_port}")
    monkeypatch.setenv("no_proxy", "")
    server.answers = [(200, [SENDER])]
    assert run(server, "senders").exit_code == 0
    server.answers = [(302, {})]
    server.location = f"{other.base}/elsewhere"
    assert run(server, "senders").exit_code != 0
    assert other.asked == []


def test_messages_are_replayed(server):
    server.answers = [(202, {"count": 2, "dry_run": False}), (202, {"count": 0, "dry_run": True})]
    assert run(server, "replay", "7", "8", "--alone").exit_code == 0
    assert run(server, "replay", "--sender", "north/REG", "--rate", "5", "--dry-run").exit_code == 1
    asked = [body for _, _, body in server.asked]
    assert asked[0] == {"numbers": [7, 8], "rate": 0, "later": False, "dry_run": False}
    assert asked[1] == {"sender": "north/REG", "rate": 5, "later": True, "dry_run": True}


def test_questions_are_listed_and_answered(server):
    question = {"id": "q1", "sender": "north/REG", "table": "T", "code": "Q", "asked_at": "2026"}
    server.answers = [(200, [question]), (200, question | {"answer": {"code": "female"}})]
    assert run(server, "answer").exit_code == 3
    assert "means female" in run(server, "answer", "q1", "female").stdout
    assert server.asked[1] == (
        "POST",
        "/hl7/api/questions/q1/answer",
        {"code": "female", "system": "", "display": ""},
    )
    assert run(server, "answer", "q1").exit_code == 2


@pytest.mark.parametrize(
    ("status", "told", "expected"),
    [(409, {"detail": "answered already"}, "answered already"), (404, [], "--hl7"), (401, {}, "--token-file")],
)
def test_what_the_server_refuses_is_told(server, status, told, expected):
    server.answers = [(status, told)]
    found = run(server, "senders")
    assert isinstance(found.exception, OperatorError)
    assert expected in str(found.exception)


def test_messages_of_a_file(tmp_path):
    file = tmp_path / "day.hl7"
    file.write_bytes(ADT + ORU)
    assert messages_of(file) == [ADT, ORU]
    file.write_bytes(b"FHS|^~\\&\rBHS|^~\\&\r" + ADT + ORU + b"BTS|2\rFTS|1\r")
    assert messages_of(file) == [ADT, ORU]
    for content in (b"", b"\r\n"):
        file.write_bytes(content)
        with pytest.raises(OperatorError, match="no message"):
            messages_of(file)


@pytest.mark.parametrize(("codes", "code"), [(("AA", "CA"), 0), (("AA", "AR"), 3), (("AE", "AR"), 1)])
async def test_messages_are_sent_until_each_is_answered(tmp_path: Path, capsys, codes, code):
    file = tmp_path / "day.hl7"
    file.write_bytes(ADT + ORU)
    left = list(codes)

    async def handle(frame: Any, peer: Peer) -> Reply:
        del peer
        return Reply((acknowledge(Message.parse(frame), left.pop(0)).raw,), is_stored=True)

    listener = Listener(handle, Limits(), commit_bytes=False)
    await listener.start("127.0.0.1", 0, None)
    try:
        ended = await asyncio.to_thread(send, [file], f"127.0.0.1:{listener.port}", None, seconds=5.0, as_json=True)
    finally:
        await listener.stop()
    told = json.loads(capsys.readouterr().out)
    assert (ended, told["messages"]) == (code, 2)
    assert told["answers"] == {each: codes.count(each) for each in codes}


@pytest.mark.parametrize("to", ["2575", "host", "host:0", "host:x", ":2575"])
def test_an_address_has_host_and_port(tmp_path, to):
    file = tmp_path / "day.hl7"
    file.write_bytes(ADT)
    with pytest.raises(OperatorError, match="HOST:PORT"):
        send([file], to, None, seconds=1.0, as_json=True)


DESTINATION: dict[str, Any] = {"name": "north/RIS", "mode": "runs", "waiting": 0, "lag_seconds": 0.0, "attempts": 0}
DESTINATION |= {"trouble": "", "dead": 0, "answered_at": None}
SENT = {
    "number": 9,
    "made_at": "2026-11-23T10:00:00Z",
    "destination": "north/RIS",
    "type": "ADT^A01",
    "control_id": "C1",
    "resource": "Encounter/1",
    "state": "dead",
    "reason": "AR",
}


@pytest.mark.parametrize(
    ("more", "code"), [({}, 0), ({"trouble": "no connection"}, 3), ({"dead": 2}, 3), ({"mode": "paused"}, 3)]
)
def test_destinations_end_with_whether_one_needs_somebody(server, more, code):
    server.answers = [(200, [DESTINATION | more])]
    shown = run(server, "destinations")
    assert (shown.exit_code, "north/RIS" in shown.stdout) == (code, True)


def test_a_destination_is_paused(server):
    server.answers = [(200, [DESTINATION | {"mode": "paused"}])]
    told = run(server, "destinations", "north/RIS", "--mode", "paused", "--reason", "moves", "--json")
    assert (told.exit_code, json.loads(told.stdout)[0]["mode"]) == (0, "paused")
    assert server.asked == [
        ("PUT", "/hl7/api/destinations/north/RIS/mode", {"mode": "paused", "reason": "moves"}),
    ]
    assert run(server, "destinations", "--mode", "paused").exit_code == 2


def test_sent_messages_are_listed_and_one_is_shown(server):
    server.answers = [(200, {"messages": [SENT], "before": None}), (200, SENT), (200, {"text": "MSH|"})]
    found = run(server, "sent", "--state", "dead", "--destination", "north/RIS", "--json")
    assert json.loads(found.stdout) == [SENT]
    assert "MSH|" in run(server, "sent", "9", "--content").stdout
    assert [path for _, path, _ in server.asked] == [
        "/hl7/api/sent?destination=north%2FRIS&state=dead&count=50",
        "/hl7/api/sent/9",
        "/hl7/api/sent/9/content",
    ]


def test_dead_messages_are_sent_again(server):
    server.answers = [(202, {"count": 3}), (200, {"number": 12}), (202, {"count": 0})]
    assert "3 messages are sent again" in run(server, "resend", "--destination", "north/RIS").stdout
    assert json.loads(run(server, "resend", "9", "--json").stdout) == {"count": 1, "numbers": [12]}
    assert run(server, "resend", "--destination", "north/RIS").exit_code == 1
    assert run(server, "resend").exit_code == 2
    assert [path for _, path, _ in server.asked[:2]] == ["/hl7/api/sent/revivals", "/hl7/api/sent/9/revive"]
