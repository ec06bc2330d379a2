from __future__ import annotations

import gzip
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from stanforis.telemetry import Metrics, RequestLog, configure_tracing, request_id
from stanforis.telemetry.logs import JsonFormatter, TextFormatter

SECRET = "Uwase Aline 1990-01-01"


@pytest.mark.parametrize("sent", [b"abc-123", b"A" * 64, b"3f.b_2"])
def test_a_plain_request_id_is_kept(sent):
    assert request_id(sent) == sent.decode()


@pytest.mark.parametrize("sent", [None, b"", b"A" * 65, b"with space", b"line\nbreak", b'"quoted"', "ü".encode()])
def test_any_other_request_id_is_replaced(sent):
    assert re.fullmatch(r"[0-9a-f]{16}", request_id(sent))


def test_new_request_ids_differ():
    assert len({request_id(None) for _ in range(1000)}) == 1000


def written_by(log_options: dict[str, bool]) -> bytes:
    reader, writer = os.pipe()
    log = RequestLog(descriptor=writer, **log_options)
    log.write("abc", "GET", "/{type}/{id}", 200, 0.0123, 456)
    os.close(writer)
    with os.fdopen(reader, "rb") as written:
        return written.read()


def test_a_request_is_one_json_line():
    line = written_by({})
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    logged = json.loads(line)
    assert logged.pop("time").endswith("+00:00")
    assert logged == {
        "level": "info",
        "event": "request",
        "request_id": "abc",
        "method": "GET",
        "route": "/{type}/{id}",
        "status": 200,
        "ms": 12.3,
        "bytes": 456,
    }


def test_a_request_is_text_for_a_person_or_nothing_at_all():
    assert b"200 GET /{type}/{id} 12.3 ms 456 B abc\n" in written_by({"text": True})
    assert written_by({"enabled": False}) == b""


def failing_record() -> logging.LogRecord:
    try:
        raise ValueError(SECRET)
    except ValueError:
        return logging.LogRecord("fhir", logging.ERROR, __file__, 1, "request %s failed", ("abc",), sys.exc_info())


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_fault_names_its_type_and_places_and_never_its_text(formatter):
    line = formatter.format(failing_record())
    assert SECRET not in line
    assert "builtins.ValueError" in line
    assert "failing_record" in line
    assert "request abc failed" in line


def test_requests_are_counted_by_route_method_and_status():
    metrics = Metrics()
    for status in (200, 200, 404):
        metrics.observe_request("/{type}/{id}", "GET", status, 0.003)
    text = metrics.render().decode()
    assert 'stanforis_http_requests_total{method="GET",route="/{type}/{id}",status="200"} 2.0' in text
    assert 'stanforis_http_requests_total{method="GET",route="/{type}/{id}",status="404"} 1.0' in text
    assert 'stanforis_http_request_seconds_bucket{le="0.0025",method="GET",route="/{type}/{id}"} 0.0' in text
    assert 'stanforis_http_request_seconds_bucket{le="0.005",method="GET",route="/{type}/{id}"} 3.0' in text


def test_methods_a_client_makes_up_share_one_label():
    metrics = Metrics()
    for number in range(50):
        metrics.observe_request("/", f"MADEUP{number}", 405, 0.001)
    text = metrics.render().decode()
    assert "MADEUP" not in text
    assert 'stanforis_http_requests_total{method="other",route="/",status="405"} 50.0' in text


SHARED_COUNTS = """
import os, sys
from pathlib import Path
from stanforis.telemetry import Metrics, metrics
metrics.share(Path(sys.argv[1]))
counts = Metrics()
for slot in (0, 1, 1):  # the last one takes the place of a process that ended
    if not os.fork():
        metrics.take_slot(slot)
        counts.observe_request("/{type}", "POST", 201, 0.2)
        os._exit(0)
    os.wait()
metrics.take_slot(2)
print(counts.render().decode())
"""


def test_processes_count_together_and_a_replaced_one_goes_on_counting(tmp_path):
    ran = subprocess.run([sys.executable, "-c", SHARED_COUNTS, tmp_path], capture_output=True, text=True, check=True)
    assert 'stanforis_http_requests_total{method="POST",route="/{type}",status="201"} 3.0' in ran.stdout
    assert len(list(tmp_path.iterdir())) == 4  # counters and histograms of two places


def test_traces_are_off_without_a_collector():
    assert configure_tracing("") is None


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A collector on loopback: its URL, and what it was sent."""
    sent: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", sent
        server.shutdown()
        thread.join()


def test_a_trace_goes_on_from_the_callers_and_names_the_route(collector):
    url, sent = collector
    tracing = configure_tracing(url)
    assert tracing is not None
    trace = "0af7651916cd43dd8448eb211c80319c"
    with tracing.request("GET", {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}) as span:
        span.finish("/{type}/{id}", 200)
    with pytest.raises(ValueError, match="Uwase"), tracing.request("PUT", {}):
        raise ValueError(SECRET)
    tracing.close()
    received = gzip.decompress(sent[0]) if sent[0][:2] == b"\x1f\x8b" else sent[0]
    assert b"GET /{type}/{id}" in received
    assert bytes.fromhex(trace) in received
    assert SECRET.encode() not in received
