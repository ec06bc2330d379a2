"""Each route and each kind of error has its place in docs/interactions, operations in docs/operations."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_api.model.errors import ErrorKind
from fhir_api.rest.errors import STATUS
from fhir_api.rest.routes import ROUTES

DOCS = Path(__file__).parents[3] / "docs"
PAGES = DOCS / "interactions"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_documented(route):
    text = "\n".join(
        page.read_text() for folder in ("interactions", "operations") for page in (DOCS / folder).glob("*.md")
    )
    assert f"`{route.method} {route.path}`" in text


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_every_kind_of_error_is_documented_with_its_status(kind):
    assert f"| {kind} | {STATUS[kind]}" in (PAGES / "errors.md").read_text()
