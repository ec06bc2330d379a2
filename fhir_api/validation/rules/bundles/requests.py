"""The entries of a batch or transaction: what is asked has to fit what is sent.

Spec: https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_api.model.outcome import Issue
from fhir_api.validation.references import RESOURCE_TYPES
from fhir_api.validation.rules.place import Place, Tree, items

_WRITES = frozenset({"PUT", "PATCH", "DELETE"})


def requests(bundle: Tree, place: Place) -> Iterator[Issue]:
    """Check ``Bundle.entry.request``."""
    if bundle.get("type") not in {"batch", "transaction"}:
        return
    written: set[str] = set()
    for entry, at in items(bundle, "entry", place):
        request = entry.get("request", {})
        method, url = request.get("method"), request.get("url", "")
        yield from _fitting(method, url, entry.get("resource"), at)
        if bundle["type"] == "transaction" and method in _WRITES and "?" not in url:
            if url in written:
                yield at.error("invalid", "Two entries of the transaction write the same resource.", "request.url")
            written.add(url)


def _fitting(method: str | None, url: str, resource: Tree | None, at: Place) -> Iterator[Issue]:
    sends_one = method in {"POST", "PUT"} and "$" not in url and "_search" not in url
    if sends_one and resource is None:
        yield at.error("required", f"'resource' is missing; {method} sends one.")
    if method in {"GET", "HEAD", "DELETE"} and resource is not None:
        yield at.warning("invalid", f"Found a resource, but {method} sends none.", "resource")
    if not sends_one or resource is None:
        return
    path = url.partition("?")[0].strip("/").split("/")
    if len(path) > (1 if method == "POST" else 2) or path[0] not in RESOURCE_TYPES:
        return
    if path[0] != resource["resourceType"] and path[0] != "Bundle":
        yield at.error("invalid", f"The request is for {path[0]}, the resource is a {resource['resourceType']}.")
    elif method == "PUT" and len(path) > 1 and resource.get("id") != path[1]:
        yield at.error("invalid", "The request and the resource have different ids.", "request.url")
