"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectionInfo]:
    """A private, empty PostgreSQL for the whole run (one for each pytest-xdist worker), without fsync."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as cluster:
        yield cluster.connection
