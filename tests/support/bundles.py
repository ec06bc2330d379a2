"""Short ways to send batches and transactions."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import httpx
import orjson

FHIR = {"content-type": "application/fhir+json"}
Tree = dict[str, Any]


def entry(method: str, url: str, resource: Tree | None = None, full_url: str | None = None, **request: Any) -> Tree:
    """Return an entry; *request* holds what else ``Bundle.entry.request`` has."""
    made: Tree = {"request": {"method": method, "url": url, **request}}
    if full_url is not None:
        made["fullUrl"] = full_url
    if resource is not None:
        made["resource"] = resource
    return made


def patch_entry(url: str, *operations: Tree, **request: Any) -> Tree:
    """Return an entry that carries a JSON Patch in a Binary."""
    data = b64encode(orjson.dumps(operations)).decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    return entry("PATCH", url, binary, **request)


async def send(client: httpx.AsyncClient, kind: str, *entries: Tree, **headers: str) -> httpx.Response:
    """Send a Bundle of type *kind*."""
    bundle: Tree = {"resourceType": "Bundle", "type": kind}
    if entries:
        bundle["entry"] = list(entries)
    return await client.post("/", content=orjson.dumps(bundle), headers={**FHIR, **headers})


async def transact(client: httpx.AsyncClient, *entries: Tree, **headers: str) -> list[Tree]:
    """Send a transaction that has to succeed and return the entries of its answer."""
    response = await send(client, "transaction", *entries, **headers)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["type"] == "transaction-response"
    answered: list[Tree] = answer.get("entry", [])
    return answered


def statuses(response: httpx.Response) -> list[str]:
    """Return the status codes of a response Bundle's entries."""
    return [each["response"]["status"][:3] for each in response.json()["entry"]]


def created(answered: Tree) -> str:
    """Return ``Type/id`` of what an entry of the answer made or found."""
    location: str = answered["response"]["location"]
    return location.partition("/_history/")[0]


def patient(**elements: Any) -> Tree:
    """Return a Patient."""
    return {"resourceType": "Patient", **elements}


def identified(value: str, **elements: Any) -> Tree:
    """Return a Patient with an identifier of the system ``http://x``."""
    return patient(identifier=[{"system": "http://x", "value": value}], **elements)


def observation(subject: str, **elements: Any) -> Tree:
    """Return an Observation about *subject*."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": subject},
        **elements,
    }
