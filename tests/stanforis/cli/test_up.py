"""``stanforis up`` as an operator sees it: processes, signals, exit codes."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

STUB = Path(__file__).parents[2] / "support/stub_server.py"


class Running:
    """A server that said it is ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("FHIR R4 at http://127.0.0.1:"), line
        self.base = line.split()[-1]
        self.port = urlsplit(self.base).port

    def answering(self, path: str = "/") -> int:
        """Return the id of the process that answers one request over a connection of its own."""
        with closing(self._connection()) as connection:
            return self._asked(connection, path)

    def answering_all(self) -> set[int]:
        """Return the processes that answer many connections, all of which stay open until the last is answered.

        One process may answer any number of connections that come one after the other, if it is always the quicker.
        """
        with ExitStack() as stack:
            held = [stack.enter_context(closing(self._connection())) for _ in range(40)]
            return {self._asked(connection, "/") for connection in held}

    def _connection(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.connect()
        return connection

    @staticmethod
    def _asked(connection: http.client.HTTPConnection, path: str) -> int:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200
        return int(response.read())

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def serving(*arguments: str | Path, before: Sequence[str] = ()) -> Iterator[Running]:
    # whoever runs the tests may be ignoring hang-ups, as nohup does
    command = ["env", "--default-signal=HUP", *before, sys.executable, STUB, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


def refused(*arguments: str | Path) -> str:
    ran = subprocess.run([sys.executable, STUB, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    return ran.stderr


def is_running(pid: int) -> bool:
    # A zombie that nobody has reaped yet has no command line any more.
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until(is_true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_and_stops_cleanly(tmp_path: Path, number: int):
    with serving(tmp_path) as server:
        workers = server.answering_all()
        assert len(workers) == 2
        assert server.stop(number) == 0
        assert server.process.stdout is not None
        assert server.process.stdout.read() == "Stopped.\n"
        assert not any(is_running(pid) for pid in workers)


def test_it_runs_its_database_and_leaves_no_process_behind(tmp_path: Path):
    with serving(tmp_path, "--database") as server:
        processes = children(server.process.pid)
        assert len(processes) == 3
        assert server.stop() == 0
        assert not any(is_running(pid) for pid in processes)
    assert not (tmp_path / "postgres/postmaster.pid").exists()


def test_a_request_in_flight_is_answered_before_the_end(tmp_path: Path):
    with serving(tmp_path) as server:
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(server.answering("/slow")))
        asking.start()
        wait_until(lambda: connections_to(server.port), "the request arrives")
        assert server.stop() == 0
        asking.join()
        assert len(answers) == 1


def connections_to(port: int | None, state: str = "01") -> bool:
    """Tell whether a connection to *port* is established, or in another state of the kernel's table."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == state for row in rows)


def test_a_killed_api_process_is_replaced(tmp_path: Path):
    with serving(tmp_path) as server:
        before = server.answering_all()
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(server.answering_all() - {killed}) == 2, "there are two again")
        assert not is_running(killed)
        assert server.stop() == 0


@pytest.mark.parametrize("number", [2, 4, 16, 40])
def test_connections_are_shared_out_evenly(tmp_path: Path, number: int):
    with serving(tmp_path) as server, ExitStack() as opened:
        connections = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=30) for _ in range(number)]
        answered: Counter[bytes] = Counter()
        for connection in connections:
            opened.callback(connection.close)
            connection.connect()
        for connection in connections:
            connection.request("GET", "/")
        for connection in connections:
            answered[connection.getresponse().read()] += 1
        assert sum(answered.values()) == number
        assert max(answered.values()) <= number / 2 + 1
        assert server.stop() == 0


def test_connections_wait_while_no_api_process_is_there(tmp_path: Path):
    with serving(tmp_path) as server:
        before = server.answering_all()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        after = server.answering_all()
        assert after
        assert not after & before
        assert server.stop() == 0


def test_a_killed_database_is_started_again(tmp_path: Path):
    with serving(tmp_path, "--database") as server:
        file = tmp_path / "postgres/postmaster.pid"
        first = int(file.read_text().split()[0])
        os.kill(first, signal.SIGKILL)
        wait_until(
            lambda: file.exists() and "ready" in file.read_text() and str(first) not in file.read_text(), "ready"
        )
        assert server.stop() == 0


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path):
    with serving(tmp_path, "--database") as server:
        processes = children(server.process.pid)
        assert len(processes) == 3
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not any(is_running(pid) for pid in processes), "all end")


def test_a_second_one_runs_beside_the_first(tmp_path: Path):
    with serving(tmp_path / "a", "--database") as first, serving(tmp_path / "b", "--database") as second:
        assert first.port != second.port
        assert not first.answering_all() & second.answering_all()
        assert (first.stop(), second.stop()) == (0, 0)


def test_a_data_folder_in_use_is_refused_and_says_by_whom(tmp_path: Path):
    with serving(tmp_path, "--database") as server:
        said = refused(tmp_path, "--database")
        assert f"process {server.process.pid} ({server.base})" in said
        assert server.stop() == 0


def test_a_port_in_use_is_refused(tmp_path: Path):
    with serving(tmp_path) as server:
        said = refused(tmp_path, "--port", str(server.port))
        assert f"Port {server.port} of 127.0.0.1 cannot be used" in said
        assert "--port" in said
        assert server.stop() == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - what must be refused
def test_an_address_others_can_reach_is_refused(tmp_path: Path, host: str):
    assert "access control" in refused(tmp_path, "--host", host)


def test_an_unknown_host_is_refused(tmp_path: Path):
    assert "not known" in refused(tmp_path, "--host", "nowhere.invalid")


def test_an_application_that_cannot_start_ends_everything(tmp_path: Path):
    assert "ended at its start" in refused(tmp_path, "--broken", "--database")
    assert not (tmp_path / "postgres/postmaster.pid").exists()


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", b"GET / HTTP/1.1\r\n"])
def test_a_request_head_without_end_is_cut_off(tmp_path: Path, begin: bytes):
    more = b"a" * 1000 if not begin.endswith(b"\n") else b"a: b\r\n" * 100
    with serving(tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(begin)
            with suppress(ConnectionError):
                for _ in range(1000):
                    connection.sendall(more)
            with suppress(ConnectionError):
                assert connection.recv(1000).startswith(b"HTTP/1.1 431 ")
        assert server.answering_all()
        assert server.stop() == 0


@pytest.mark.parametrize(
    "line", [b"\x00\x01\x02", b"CONNECT a:1 HTTP/1.1", b"GET http:// HTTP/1.1", b"GET /\xff HTTP/1.1"]
)
def test_what_is_no_http_gets_400(tmp_path: Path, line: bytes):
    with serving(tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(line + b"\r\nHost: x\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
        assert server.stop() == 0


def test_it_outlives_its_terminal_under_nohup(tmp_path: Path):
    with serving(tmp_path, before=["nohup"]) as server:
        server.process.send_signal(signal.SIGHUP)
        assert server.answering_all()
        assert server.stop() == 0


def test_it_starts_again_at_once_after_a_kill(tmp_path: Path):
    with serving(tmp_path, "--database") as killed:
        port = str(killed.port)
        killed.process.kill()
        killed.process.wait()
        with serving(tmp_path, "--database", "--port", port) as server:
            assert len(server.answering_all()) == 2
            assert server.stop() == 0


def test_a_second_stop_does_not_wait_for_requests(tmp_path: Path):
    with serving(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as asking:
        asking.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: connections_to(server.port), "the request arrives")
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: len(children(server.process.pid)) < 2, "the idle one ends")
        with pytest.raises(ConnectionRefusedError):
            server.answering()
        assert server.stop() == 0
        with suppress(ConnectionError):
            assert asking.recv(1) == b""
