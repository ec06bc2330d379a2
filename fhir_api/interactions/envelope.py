"""A batch or transaction as it arrived: its envelope read, its resources still bytes.

Spec: https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import orjson
from msgspec import UNSET, Struct, UnsetType

from fhir_api.interactions.entries import EntryRequest, EntryResponse
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.resource import parse_json

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")
CARRYING = frozenset({"POST", "PUT", "PATCH"})
"""Methods of entries that carry a resource."""
_CHUNK = 256
"""Entries of a response that are sent as one piece."""


class Link(Struct, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """``Bundle.link``; of no use to a batch or transaction."""

    relation: str
    url: str
    id: str | UnsetType = UNSET
    extension: list[Any] | UnsetType = UNSET
    modifier_extension: list[Any] | UnsetType = UNSET


class Request(Struct, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """``Bundle.entry.request``."""

    method: str
    url: str
    id: str | UnsetType = UNSET
    extension: list[Any] | UnsetType = UNSET
    modifier_extension: list[Any] | UnsetType = UNSET
    if_none_match: str | UnsetType | None = UNSET
    if_modified_since: str | UnsetType | None = UNSET
    if_match: str | UnsetType | None = UNSET
    if_none_exist: str | UnsetType | None = UNSET


class Entry(Struct, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """``Bundle.entry``; the resource stays as it was written."""

    full_url: str | UnsetType = UNSET
    resource: msgspec.Raw | UnsetType = UNSET
    request: Request | UnsetType = UNSET
    id: str | UnsetType = UNSET
    link: list[Link] | UnsetType = UNSET
    search: dict[str, Any] | UnsetType = UNSET
    response: dict[str, Any] | UnsetType = UNSET
    extension: list[Any] | UnsetType = UNSET
    modifier_extension: list[Any] | UnsetType = UNSET

    def as_request(self, place: int) -> EntryRequest:
        """Return what the entry asks for.

        Raises:
            FhirError: INVALID when there is no request, the method is unknown, a resource is missing, or the entry has
                what only entries of other Bundles have.
        """
        if self.request is UNSET:
            raise faulty(place, "request", "An entry of a batch or transaction needs a request.", "required")
        request = self.request
        if request.method not in METHODS:
            raise faulty(place, "request.method", f"Expected one of {', '.join(METHODS)}.", "code-invalid")
        if self.resource is UNSET and request.method in CARRYING and not is_operation(request.url):
            raise faulty(place, "resource", f"{request.method} needs a resource.", "required")
        if self.search is not UNSET or self.response is not UNSET:
            element = "response" if self.search is UNSET else "search"
            raise faulty(place, element, "An entry of a batch or transaction cannot have this.", "structure")
        return EntryRequest(
            request.method,
            request.url.lstrip("/"),
            request.if_match or None,
            request.if_none_match or None,
            request.if_none_exist or None,
            request.if_modified_since or None,
            bytes(self.resource) if self.resource is not UNSET else None,
        )


class Bundle(Struct, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """A Bundle's envelope."""

    resource_type: str
    type: str | UnsetType = UNSET
    entry: list[Entry] | UnsetType = UNSET
    id: str | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = UNSET
    implicit_rules: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    identifier: dict[str, Any] | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET
    total: int | UnsetType = UNSET
    link: list[Link] | UnsetType = UNSET
    signature: dict[str, Any] | UnsetType = UNSET

    @property
    def entries(self) -> list[Entry]:
        """The entries, none if the element is absent."""
        return [] if self.entry is UNSET else self.entry


_DECODER = msgspec.json.Decoder(Bundle)


def read_bundle(raw: bytes) -> Bundle:
    """Read the envelope of a batch or transaction.

    Raises:
        FhirError: MALFORMED for bad JSON or another kind of resource or Bundle, INVALID for unknown elements.
    """
    try:
        bundle = _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        raise _unsound(raw, error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        parse_json(raw)
        raise refuse(ErrorKind.MALFORMED, "The body is not JSON.") from None
    if bundle.resource_type != "Bundle" or bundle.type not in {"batch", "transaction"}:
        raise _other_kind()
    # what the parser dropped, because a key stood twice in the envelope, took colons with it
    if raw.count(b":") != msgspec.json.encode(bundle).count(b":"):
        parse_json(raw)
    return bundle


def is_operation(url: str) -> bool:
    """Tell whether a POST to *url* runs an operation or a search."""
    last = url.partition("?")[0].rpartition("/")[2]
    return last.startswith("$") or last == "_search"


def _unsound(raw: bytes, error: msgspec.ValidationError) -> FhirError:
    """Return the refusal of an envelope that broke a rule of its structure, with its place."""
    tree = parse_json(raw)  # if it is not even JSON, that is said first
    if not isinstance(tree, dict) or tree.get("resourceType") != "Bundle":
        return _other_kind()
    reason, _, path = str(error).partition(" - at `$")
    return refuse(ErrorKind.INVALID, f"{reason}.", code="structure", expression="Bundle" + path.rstrip("`"))


def _other_kind() -> FhirError:
    return refuse(
        ErrorKind.MALFORMED,
        "The base takes a Bundle of type 'batch' or 'transaction' only.",
        code="invalid",
        expression="Bundle.type",
    )


def faulty(place: int, element: str, diagnostics: str, code: str, kind: ErrorKind = ErrorKind.INVALID) -> FhirError:
    """Make the error of an *element* of the entry at *place*."""
    return refuse(kind, diagnostics, code=code, expression=f"Bundle.entry[{place}].{element}")


async def response_bundle(kind: str, responses: Sequence[EntryResponse]) -> AsyncIterator[bytes]:
    """Return a Bundle of type *kind* with the responses in order, in pieces."""
    head = f'{{"resourceType":"Bundle","type":"{kind}"'.encode()
    if not responses:
        yield head + b"}"
        return
    yield head + b',"entry":['
    for start in range(0, len(responses), _CHUNK):
        piece = b",".join(_response_entry(response) for response in responses[start : start + _CHUNK])
        yield piece if start == 0 else b"," + piece
    yield b"]}"


def _response_entry(response: EntryResponse) -> bytes:
    members = [f'"status":"{response.status} {HTTPStatus(response.status).phrase}"'.encode()]
    if response.location:
        members.append(f'"location":"{response.location}"'.encode())
    if response.etag:
        members.append(b'"etag":' + orjson.dumps(response.etag))
    if response.last_modified:
        members.append(f'"lastModified":"{response.last_modified}"'.encode())
    if response.outcome:
        members.append(b'"outcome":' + response.outcome)
    shown = b'"resource":%b,' % response.resource if response.resource else b""
    return b'{%b"response":{%b}}' % (shown, b",".join(members))
