"""``stanforis db reindex`` of a part of the index, beside a PostgreSQL that runs already."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stanforis.cli import main
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres

from fhir_api.store.postgres import migrations
from tests.support.databases import stores_on
from tests.support.stores import Tree, write

OWN: Tree = {
    "resourceType": "SearchParameter", "id": "own", "url": "http://example.org/own", "status": "active",
    "code": "own", "base": ["Patient"], "type": "string", "expression": "Patient.name.family",
}  # fmt: skip
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose PostgreSQL another process has started: three patients and a parameter that is live."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("data"), durable=False) as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        asyncio.run(_filled(cluster.connection))
        yield cluster.data_dir


async def _filled(database: ConnectionInfo) -> None:
    stores = await stores_on(database)
    store = stores.for_tenant(1)
    patients: list[Tree] = [
        {"resourceType": "Patient", "id": name, "name": [{"family": name}]} for name in ("a", "b", "c")
    ]
    await store.write([write(tree) for tree in [*patients, OWN]])
    while await store.look_after(1) is not None:
        pass
    await stores.close()


@pytest.fixture
def stanforis(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path) -> Run:
    """Run a command in this process, as the program would."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["stanforis", "db", "reindex", *arguments, "--data", str(data)])
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0), *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("arguments", "kind", "done"),
    [
        (("--type", "Patient"), "reindex", 3),
        (("--type", "Patient", "--type", "SearchParameter"), "reindex", 4),
        (("--parameter", "http://example.org/own"), "build", 3),
        (("--type", "Patient", "--parameter", "own"), "build", 3),
        (("--type", "Patient", "--parameter", "birthdate"), "reindex", 3),
    ],
)
def test_a_part_of_the_index(stanforis: Run, arguments: tuple[str, ...], kind: str, done: int) -> None:
    code, told, errors = stanforis(*arguments, "--json")
    assert code == 0, errors
    job: dict[str, Any] = json.loads(told)
    assert (job["kind"], job["state"], job["done"], job["total"]) == (kind, "done", done, done)


def test_what_was_done_is_told(stanforis: Run) -> None:
    code, told, _ = stanforis("--type", "Patient")
    assert (code, told) == (0, "3 resources were indexed: Patient.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--type", "Patients"), "'Patients' is not a resource type"),
        (("--parameter", "http://example.org/none"), "no search parameter"),
        (("--parameter", "birthdate"), "needs a type"),
        (("--type", "Patient", "--tenant", "none"), "no tenant 'none'"),
    ],
)
def test_what_is_not_here_is_told(stanforis: Run, arguments: tuple[str, ...], said: str) -> None:
    code, _, errors = stanforis(*arguments)
    assert code == 1
    assert said in errors
