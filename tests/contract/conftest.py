"""The stores that have to keep the contract of ``fhir_api.store.port``."""

from __future__ import annotations

import pytest

from fhir_api.store.memory.store import MemoryStores
from fhir_api.store.port import TenantStore


@pytest.fixture(params=["memory"])
def store(request: pytest.FixtureRequest) -> TenantStore:
    """An empty store of one tenant."""
    assert request.param == "memory"
    return MemoryStores().for_tenant("default")
