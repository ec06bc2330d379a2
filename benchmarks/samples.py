"""What benchmarks read: bundles from a folder, or made by the generator, and resources as they are stored."""

from __future__ import annotations

import bz2
import gzip
import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import msgspec
import orjson
from stanforis.demo.generator import bundles

from fhir_api.model.keys import ResourceKey
from fhir_api.model.resource import body, compact, parse

_URN = re.compile(rb"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID = re.compile(rb"\b([0-9a-f]{8})(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")
_DAY = re.compile(rb'(?<=")\d{4}-\d\d-\d\d')
_NUMBER = re.compile(rb'(?<="value":")(?:999-\d\d-\d{4}|[SX]\d{8}X?)(?=")')
_SPREAD = 0x9E3779B1
_WEEKS = 520
_EXPAND = {".gz": gzip.decompress, ".bz2": bz2.decompress}


class Entry(msgspec.Struct):
    """What is needed of a transaction entry."""

    resource: msgspec.Raw
    fullUrl: str = ""  # noqa: N815 - FHIR's name


class Transaction(msgspec.Struct):
    """A transaction Bundle with its resources unparsed."""

    entry: list[Entry]


_decoder = msgspec.json.Decoder(Transaction)


def texts(folder: Path | None, patients: int = 100, seed: int = 1) -> Iterator[bytes]:
    """Yield transaction Bundles: every ``*.json[.gz|.bz2]`` of *folder*, or *patients* generated ones."""
    if folder is None:
        yield from bundles(patients, seed=seed)
    else:
        yield from _read(folder)


def copy(bundle: bytes, number: int) -> bytes:
    """Return the *number*-th copy of a bundle: about other patients, up to ten years earlier; the 0th is the bundle.

    Ids and identifiers, those that are UUIDs and those of licences, passports and social security, are others.
    """
    if number == 0:
        return bundle
    days = timedelta(weeks=number % _WEEKS)

    def other(uuid: re.Match[bytes]) -> bytes:
        return b"%08x" % (int(uuid[1], 16) ^ number * _SPREAD & 0xFFFFFFFF) + uuid[2]

    @cache
    def earlier(day: bytes) -> bytes:
        return (date.fromisoformat(day.decode()) - days).isoformat().encode()

    numbered = _NUMBER.sub(lambda value: b"%s-%d" % (value[0], number), bundle)
    return _DAY.sub(lambda day: earlier(day[0]), _UUID.sub(other, numbered))


def _read(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.iterdir()):
        if path.suffix in _EXPAND and ".json" in path.suffixes:
            yield _EXPAND[path.suffix](path.read_bytes())
        elif path.suffix == ".json":
            yield path.read_bytes()


def resources(bundle: bytes) -> list[tuple[str, bytes]]:
    """Return ``(full_url, resource)`` of each entry, compact, references between entries made relative."""
    entries = [(entry.fullUrl, compact(bytes(entry.resource))) for entry in _decoder.decode(bundle).entry]
    named = {}
    for full_url, resource in entries:
        tree = orjson.loads(resource)
        named[full_url.encode()] = f"{tree['resourceType']}/{tree['id']}".encode()
    return [(url, _URN.sub(lambda urn: named.get(urn[0], urn[0]), resource)) for url, resource in entries]


def stored_bodies(folder: Path | None, patients: int = 100, seed: int = 1) -> Iterator[bytes]:
    """Yield every resource of the bundles in the layout in which it is stored."""
    for bundle in texts(folder, patients, seed):
        for _, text in resources(bundle):
            resource = parse(text)
            yield body(resource, ResourceKey(resource.resource_type, resource.logical_id or "none"))
