"""Patches are also asked over HTTP, of the real application on each store."""

from __future__ import annotations

from tests.fhir_api.rest.conftest import app, app_on_memory, app_on_postgres, client, store

__all__ = ["app", "app_on_memory", "app_on_postgres", "client", "store"]
