"""The application on each store, with its trail."""

from tests.fhir_api.rest.conftest import app, app_on_memory, app_on_postgres, client, store

__all__ = ["app", "app_on_memory", "app_on_postgres", "client", "store"]
