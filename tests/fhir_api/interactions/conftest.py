"""The interactions are asked over HTTP, of the real application on each store."""

from __future__ import annotations

import pytest

from fhir_api.app import Application
from fhir_api.interactions.context import Context
from tests.fhir_api.rest.conftest import app, app_on_memory, app_on_postgres, client, store

__all__ = ["app", "app_on_memory", "app_on_postgres", "client", "context", "store"]


@pytest.fixture
def context(app: Application) -> Context:
    """The application's own context, of the same store that the client sees."""
    assert app._contexts is not None
    contexts = app._contexts.of(1)
    assert contexts is not None
    return contexts.for_host(None)
