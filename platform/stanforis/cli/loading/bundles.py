"""Requests made of files: transactions as they are, resources gathered into bundles.

Resources are carried as the bytes they were, so that nothing of them (a decimal's digits) is lost on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import msgspec

_UNSET = msgspec.UNSET
_GROUP_ENTRIES = 500


class Head(msgspec.Struct, rename="camel"):
    """What identifies a resource."""

    resource_type: str
    id: str | None = None


class Request(msgspec.Struct, rename="camel", omit_defaults=True):
    """``Bundle.entry.request``."""

    method: str
    url: str
    if_none_match: str | msgspec.UnsetType = _UNSET
    if_modified_since: str | msgspec.UnsetType = _UNSET
    if_match: str | msgspec.UnsetType = _UNSET
    if_none_exist: str | msgspec.UnsetType = _UNSET


class Entry(msgspec.Struct, rename="camel", omit_defaults=True):
    """``Bundle.entry``."""

    full_url: str | msgspec.UnsetType = _UNSET
    resource: msgspec.Raw | msgspec.UnsetType = _UNSET
    request: Request | msgspec.UnsetType = _UNSET


class Bundle(msgspec.Struct, rename="camel"):
    """A Bundle's type and entries."""

    type: str
    resource_type: str = "Bundle"
    entry: list[Entry] = []


_read_head = msgspec.json.Decoder(Head).decode
_read_bundle = msgspec.json.Decoder(Bundle).decode
_write = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Shipment:
    """One request to the server.

    Attributes:
        path: the file it was made of.
        places: where each of its entries stands in that file, such as ``line 12`` or ``entry 3``.
        bundle: the Bundle to send; None when the file could not be read that far.
        as_batch: the same as a batch, which tells which entries are at fault; None when the file asks for all or none.
        repeatable: sending it twice leaves the same as sending it once.
        problem: why there is nothing to send.
    """

    path: Path
    places: Sequence[str]
    bundle: bytes | None
    as_batch: bytes | None = None
    repeatable: bool = False
    problem: str = ""

    @classmethod
    def unreadable(cls, path: Path, problem: str, place: str = "the file") -> Self:
        """Return what stands for a part of *path* that cannot be read."""
        return cls(path, (place,), None, problem=problem)


@dataclass(slots=True)
class NdjsonGroup:
    """Lines of an NDJSON file that go to the server together."""

    path: Path
    size: int = 0
    _entries: list[Entry] = field(default_factory=list)
    _places: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many lines wait."""
        return len(self._entries)

    def add(self, number: int, line: bytes) -> Shipment | None:
        """Add line *number*; return what stands for it when it cannot be read."""
        try:
            entry = _stored_as_is(line)
        except msgspec.DecodeError:
            return Shipment.unreadable(self.path, "not a resource in JSON", f"line {number}")
        self._entries.append(entry)
        self._places.append(f"line {number}")
        self.size += len(line)
        return None

    def taken(self) -> Shipment:
        """Return the lines that wait as one request, and begin anew."""
        shipment = _gathered(self.path, self._entries, self._places)
        self._entries, self._places, self.size = [], [], 0
        return shipment


def of_json_file(path: Path, text: bytes | None, *, keep_ids: bool) -> Iterator[Shipment]:
    """Yield the requests that a file with one resource makes.

    A transaction or batch is sent as it is, entries of a collection or search set are stored one by one, anything else
    (a document, a Patient) is stored itself.

    Args:
        path: the file.
        text: what is in it; None when it could not be read.
        keep_ids: entries that create a resource, and say its id, store it under that id.
    """
    try:
        if text is None:
            yield Shipment.unreadable(path, "the compressed file is broken")
        elif _read_head(text).resource_type != "Bundle":
            yield _gathered(path, [_stored_as_is(text)], ["the file"])
        else:
            yield from _of_bundle(path, text, _read_bundle(text), keep_ids=keep_ids)
    except msgspec.DecodeError:
        yield Shipment.unreadable(path, "not a resource in JSON")


def _of_bundle(path: Path, text: bytes, bundle: Bundle, *, keep_ids: bool) -> Iterator[Shipment]:
    places = [f"entry {number}" for number in range(len(bundle.entry))]
    if bundle.type in ("transaction", "batch"):
        changed = sum(_keep_id(entry) for entry in bundle.entry) if keep_ids else 0
        if changed:
            text = _write(bundle)
        yield Shipment(path, places, text, repeatable=all(_is_repeatable(entry) for entry in bundle.entry))
    elif bundle.type in ("collection", "searchset"):
        stored = [
            (_stored_as_is(bytes(entry.resource)), place)
            for entry, place in zip(bundle.entry, places, strict=True)
            if isinstance(entry.resource, msgspec.Raw)
        ]
        for start in range(0, len(stored), _GROUP_ENTRIES):
            part = stored[start : start + _GROUP_ENTRIES]
            yield _gathered(path, [entry for entry, _ in part], [place for _, place in part])
    else:
        yield _gathered(path, [_stored_as_is(text)], ["the file"])


def _stored_as_is(resource: bytes) -> Entry:
    """Return the entry that stores *resource*: under its id when it has one.

    Raises:
        msgspec.DecodeError: it is no resource.
    """
    head = _read_head(resource)
    if head.id is None:
        return Entry(resource=msgspec.Raw(resource), request=Request("POST", head.resource_type))
    url = f"{head.resource_type}/{head.id}"
    return Entry(resource=msgspec.Raw(resource), request=Request("PUT", url))


def _gathered(path: Path, entries: list[Entry], places: list[str]) -> Shipment:
    transaction, batch = Bundle("transaction", entry=entries), Bundle("batch", entry=entries)
    repeatable = all(_is_repeatable(entry) for entry in entries)
    # A transaction is one commit for all; only when it is refused does a batch tell the bad entries from the good.
    return Shipment(path, places, _write(transaction), _write(batch), repeatable)


def _keep_id(entry: Entry) -> bool:
    """Turn a create whose entry says the resource's id into an update under that id; tell whether it did."""
    request, resource = entry.request, entry.resource
    if not isinstance(request, Request) or not isinstance(resource, msgspec.Raw):
        return False
    if request.method != "POST" or isinstance(request.if_none_exist, str):
        return False
    head = _read_head(resource)
    if (
        head.id is None
        or not isinstance(entry.full_url, str)
        or not entry.full_url.endswith((f":{head.id}", f"/{head.id}"))
    ):
        return False
    entry.request = Request("PUT", f"{head.resource_type}/{head.id}")
    return True


def _is_repeatable(entry: Entry) -> bool:
    request = entry.request
    return isinstance(request, Request) and (request.method != "POST" or isinstance(request.if_none_exist, str))
