"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from stanforis.storage.embedded import ConnectionInfo, EmbeddedPostgres

# no test is timed: on a loaded machine an example may take as long as it likes
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectionInfo]:
    """A private, empty PostgreSQL for the whole run (one for each pytest-xdist worker), without fsync."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as cluster:
        yield cluster.connection
