"""Reading answers."""

from __future__ import annotations

from typing import Any

import httpx


def issue_code(response: httpx.Response) -> str:
    """Return the code of an OperationOutcome's first issue."""
    return str(outcome(response)["issue"][0]["code"])


def outcome(response: httpx.Response) -> dict[str, Any]:
    """Return the OperationOutcome of an answer."""
    resource: dict[str, Any] = response.json()
    assert resource["resourceType"] == "OperationOutcome"
    return resource


def link(bundle: dict[str, Any], relation: str) -> str | None:
    """Return the URL of a Bundle's link."""
    return next((str(each["url"]) for each in bundle.get("link", []) if each["relation"] == relation), None)
