"""The benchmarks still run: on little, and without a look at the figures."""

from __future__ import annotations

import asyncio

import pytest
from stanforis.demo.generator import bundles
from stanforis.storage.embedded import ConnectionInfo

from benchmarks.cost import literal
from benchmarks.load import Requests, load
from benchmarks.store import fill, measure, opened
from benchmarks.write_path import measure as measure_write_path
from fhir_api.store.postgres import migrations


def test_the_write_path_is_measured_step_by_step() -> None:
    figures = measure_write_path(list(bundles(2, visits=3)), repeat=1)
    assert figures["resources"] > 20
    assert figures["all together"] > 0


async def test_every_search_is_measured_and_none_is_refused(postgres: ConnectionInfo) -> None:
    migrations.upgrade(postgres.owner_dsn)
    async with opened(postgres) as bench:
        await fill(bench, bundles(20, visits=4), 0, 300)
        rows = await measure(bench, seconds=0, words=[])
    assert [row for row in rows if "failed" in row] == []
    assert all(row["postgres_ms"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (7, "7"),
        ("it's", "'it''s'"),
        ([1, 2], "'{1,2}'"),
        (['a"b'], '\'{"a\\"b"}\''),
        (b"\x01", "'\\x01'"),
    ],
)
def test_arguments_are_written_as_sql(value: object, text: str) -> None:
    assert literal(value) == text


async def test_our_own_client_counts_answers_and_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            status = b"404 Not Found" if b"missing" in head else b"200 OK"
            writer.write(b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\nok" % status)

    monkeypatch.setattr("shutil.which", lambda _: None)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    requests = Requests("GET", ["/there", "/missing"])
    found = await asyncio.to_thread(load, f"http://127.0.0.1:{port}", requests, connections=1, seconds=0.05)
    server.close()
    assert found.client == "asyncio"
    assert found.requests > 1
    assert found.errors == found.requests // 2
