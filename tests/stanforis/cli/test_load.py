"""``stanforis load`` against a small server that notes what it is sent."""

from __future__ import annotations

import bz2
import gzip
import json
import stat
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest
from stanforis.cli.loading.client import Client, ServerUnreachableError
from stanforis.cli.loading.run import Summary, load
from stanforis.cli.loading.sources import SourceError, found

Json = dict[str, Any]


class Server:
    """A FHIR server of few words: it takes every entry but those whose resource says ``"refuse": true``.

    A transaction with such an entry is refused as a whole. The first *busy* requests are answered with 503.
    """

    def __init__(self, base: str) -> None:
        self.base = base
        self.texts: list[bytes] = []
        self.received: list[Json] = []
        self.busy = 0
        self.lock = Lock()

    def answer(self, text: bytes) -> tuple[int, Json]:
        with self.lock:
            if self.busy:
                self.busy -= 1
                return 503, {}
            self.texts.append(text)
            bundle = json.loads(text)
            self.received.append(bundle)
        bad = [bool(entry["resource"].get("refuse")) for entry in bundle["entry"]]
        outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}
        if bundle["type"] == "transaction" and any(bad):
            return 422, outcome
        statuses = [{"status": "422", "outcome": outcome} if each else {"status": "201 Created"} for each in bad]
        return 200, {"resourceType": "Bundle", "entry": [{"response": status} for status in statuses]}

    @property
    def stored(self) -> list[str]:
        return [
            f"{entry['request']['method']} {entry['request']['url']}"
            for bundle in self.received
            for entry in bundle["entry"]
        ]


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply(200, {"resourceType": "CapabilityStatement"})

        def do_POST(self) -> None:
            self.reply(*noting.answer(self.rfile.read(int(self.headers["Content-Length"]))))

        def reply(self, status: int, resource: Json) -> None:
            body = json.dumps(resource).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        noting = Server(f"http://127.0.0.1:{http.server_port}/fhir")
        thread = Thread(target=http.serve_forever)
        thread.start()
        yield noting
        http.shutdown()
        thread.join()


@pytest.fixture
def loading(server: Server, tmp_path: Path) -> Callable[..., Summary]:
    def run(*paths: Path, keep_ids: bool = True) -> Summary:
        return load(paths, server.base, connections=2, keep_ids=keep_ids, report=tmp_path / "report", as_json=True)

    return run


def patient(logical_id: str | None = None, **more: object) -> Json:
    return {"resourceType": "Patient"} | ({"id": logical_id} if logical_id else {}) | more


def bundle(kind: str, *entries: Json) -> str:
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": list(entries)})


def create(logical_id: str, **request: str) -> Json:
    return {
        "fullUrl": f"urn:uuid:{logical_id}",
        "resource": patient(logical_id),
        "request": {"method": "POST", "url": "Patient"} | request,
    }


def reported(folder: Path) -> list[Json]:
    return [json.loads(line) for line in (folder / "report").read_text().splitlines()]


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)],
)
def test_ndjson_is_stored_under_its_ids_whatever_its_compression(server, loading, tmp_path, suffix, pack):
    text = "\n".join(json.dumps(each) for each in (patient("a"), patient(), {"resourceType": "Group", "id": "g"}))
    path = tmp_path / f"all.ndjson{suffix}"
    path.write_bytes(pack(text.encode()))
    summary = loading(path)
    assert server.stored == ["PUT Patient/a", "POST Patient", "PUT Group/g"]
    assert (summary.files, summary.resources, summary.refused) == (1, 3, 0)


def test_decimals_keep_their_digits(server, loading, tmp_path):
    (tmp_path / "o.ndjson").write_text('{"resourceType":"Observation","valueQuantity":{"value":72.50}}\n')
    loading(tmp_path / "o.ndjson")
    assert b'"value":72.50}' in server.texts[0]


def test_many_lines_go_in_several_requests(server, loading, tmp_path):
    (tmp_path / "p.ndjson").write_text("".join(json.dumps(patient(str(n))) + "\n" for n in range(1201)))
    assert loading(tmp_path).resources == 1201
    assert sorted(len(each["entry"]) for each in server.received) == [201, 500, 500]


def test_creates_of_a_transaction_keep_the_ids_they_say(server, loading, tmp_path):
    (tmp_path / "b.json").write_text(bundle("transaction", create("a"), create("b", ifNoneExist="identifier=x|1")))
    loading(tmp_path / "b.json")
    assert server.stored == ["PUT Patient/a", "POST Patient"]
    assert server.received[0]["entry"][1]["request"]["ifNoneExist"] == "identifier=x|1"
    assert server.received[0]["entry"][0]["fullUrl"] == "urn:uuid:a"


def test_new_ids_leave_a_transaction_as_it_is(server, loading, tmp_path):
    text = bundle("transaction", create("a"))
    (tmp_path / "b.json").write_text(text)
    loading(tmp_path / "b.json", keep_ids=False)
    assert server.received == [json.loads(text)]


@pytest.mark.parametrize("kind", ["collection", "searchset"])
def test_entries_of_a_collection_are_stored_one_by_one(server, loading, tmp_path, kind):
    (tmp_path / "c.json").write_text(bundle(kind, {"resource": patient("a")}, {"resource": patient("b")}, {}))
    loading(tmp_path / "c.json")
    assert server.stored == ["PUT Patient/a", "PUT Patient/b"]


def test_a_document_is_stored_itself(server, loading, tmp_path):
    (tmp_path / "d.json").write_text(bundle("document", {"resource": patient("a")}))
    loading(tmp_path / "d.json")
    assert server.stored == ["POST Bundle"]


def test_files_that_refer_by_criteria_come_last(server, loading, tmp_path):
    by_criteria = patient("late", generalPractitioner=[{"reference": "Practitioner?identifier=x|1"}])
    (tmp_path / "1.json").write_text(json.dumps(by_criteria))
    (tmp_path / "2.json").write_text(json.dumps({"resourceType": "Practitioner", "id": "early"}))
    loading(tmp_path)
    assert server.stored == ["PUT Practitioner/early", "PUT Patient/late"]


def test_a_bad_line_is_reported_and_the_others_are_stored(server, loading, tmp_path):
    lines = [json.dumps(patient("a")), "{broken", json.dumps(patient("b", refuse=True)), json.dumps(patient("c"))]
    (tmp_path / "p.ndjson").write_text("\n".join(lines))
    summary = loading(tmp_path / "p.ndjson")
    assert (summary.resources, summary.refused) == (2, 2)
    assert [each["type"] for each in server.received] == ["transaction", "batch"]
    assert {each["place"]: each["status"] for each in reported(tmp_path)} == {"line 2": None, "line 3": 422}
    assert stat.S_IMODE((tmp_path / "report").stat().st_mode) == 0o600


def test_a_refused_transaction_is_not_taken_apart(server, loading, tmp_path):
    bad = {"resource": patient("b", refuse=True), "request": {"method": "PUT", "url": "Patient/b"}}
    (tmp_path / "b.json").write_text(bundle("transaction", create("a"), bad))
    summary = loading(tmp_path / "b.json")
    assert (summary.resources, summary.refused, len(server.received)) == (0, 2, 1)
    (line,) = reported(tmp_path)
    assert (line["place"], line["entries"], line["issues"][0]["code"]) == ("all 2 entries", 2, "invalid")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", b"not json"),
        ("x.json", b"[]"),
        ("x.json.gz", b"no gzip"),
        ("x.ndjson.gz", gzip.compress(b"\n" * 99999)[:-9]),
        ("x.json.bz2", b"no bzip2"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported(server, loading, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    summary = loading(tmp_path / name)
    assert (summary.resources, summary.refused) == (0, 1)
    assert reported(tmp_path)[0]["file"].endswith(name)
    assert server.received == []


def test_no_report_is_left_where_nothing_was_refused(server, loading, tmp_path):
    (tmp_path / "report").write_text("of an earlier load")
    (tmp_path / "p.json").write_text(json.dumps(patient("a")))
    loading(tmp_path / "p.json")
    assert not (tmp_path / "report").exists()


def test_a_busy_server_is_asked_again(server, loading, tmp_path):
    server.busy = 2
    (tmp_path / "p.json").write_text(json.dumps(patient("a")))
    assert loading(tmp_path / "p.json").resources == 1
    assert server.stored == ["PUT Patient/a"]


def test_no_server_and_no_files_are_said_before_anything_is_sent(tmp_path):
    with pytest.raises(ServerUnreachableError, match="stanforis up"):
        Client("http://127.0.0.1:9/fhir").require_server()
    with pytest.raises(ServerUnreachableError, match="no base URL"):
        Client("127.0.0.1:8080/fhir")
    (tmp_path / "a.txt").touch()
    for path, message in ((tmp_path / "none.json", "does not exist"), (tmp_path / "a.txt", "neither")):
        with pytest.raises(SourceError, match=message):
            found([path])


def test_a_folder_is_walked_in_order_and_other_files_are_left(tmp_path):
    for name in ("b/2.json", "b/1.ndjson.gz", "a.json.bz2", "b/readme.md", "b/x.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in found([tmp_path])] == [
        "a.json.bz2",
        "b/1.ndjson.gz",
        "b/2.json",
    ]
