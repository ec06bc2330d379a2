from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stanforis.storage.embedded import EmbeddedPostgres


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after its first start, which takes longest."""
    folder = tmp_path_factory.mktemp("made") / "data"
    with EmbeddedPostgres(folder, durable=False):
        return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it for this test alone."""
    subprocess.run(["cp", "-a", made, tmp_path], check=True)  # noqa: S607 - keeps the owners, as shutil does not
    return tmp_path / made.name


@pytest.fixture
def cluster(folder: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(folder, durable=False, max_connections=10) as started:
        yield started
