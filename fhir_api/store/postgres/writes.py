"""Writing: any number of changes is one call of the function ``fhir.write``.

What is stored already is read first (not at all for new ids), compared, and the difference is sent. The function
refuses when a resource moved on meanwhile; then the work is done again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from functools import cache
from typing import Any, NamedTuple

import asyncpg
import orjson

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.entries import IndexEntries
from fhir_api.search.extract.extractor import Extractor
from fhir_api.store.port import Expect, Write
from fhir_api.store.postgres.arrays import Pack, bigints, byteas, doubles, integers, smallints, texts
from fhir_api.store.postgres.bodies import pack, unpack
from fhir_api.store.postgres.encode import Codes, Encoder, IndexRows, PresentBits, index_hash
from fhir_api.store.postgres.own import NONE, Own
from fhir_api.store.postgres.session import fenced
from fhir_api.store.postgres.types import type_numbers

LOOKUP = fenced(
    "x.id_hash, x.fhir_id, x.type_id, x.rid, x.version, x.last_updated, x.index_hash, x.change, x.body",
    "SELECT r.* FROM fhir.resource r WHERE r.tenant_id = c.tenant AND r.id_hash = ANY($2::bigint[]) OFFSET 0",
)
_INDEX = {
    "token": (integers, bigints, bigints, bigints),
    "reference": (integers, bigints, bigints, bigints),
    "date": (integers, bigints, bigints, bigints),
    "string": (integers, texts, bigints, bigints),
    "quantity": (integers, bigints, doubles, bigints, bigints),
    "composite": (integers, bigints, bigints, doubles, doubles, texts, bigints, bigints),
}
INDEX_TABLES = tuple(_INDEX)
_CODES = (integers, bigints, bigints, texts, texts)
_NEW = (bigints, bigints, bigints, bigints, smallints, smallints, texts, byteas, byteas)
_NEXT = (bigints, integers, bigints, bigints, smallints, byteas, byteas)
_INDEX_ARGUMENTS = sum(map(len, _INDEX.values()))
_WRITE_ARGUMENTS = 2 + len(_NEW) + len(_NEXT) + _INDEX_ARGUMENTS + len(_CODES)


def call(function: str, numbers: Iterable[int]) -> str:
    """Return SQL that calls *function* for the tenant of the context ``$1``, with the arguments of these numbers."""
    return f"{function}({', '.join(('tenancy.enter($1)', *(f'${number}' for number in numbers)))})"


@cache
def _statement(*, removes: bool, adds_own: bool) -> str:
    """Return the statement of a write, all in one call (a select list is evaluated from left to right).

    It is refused when the tenant's own parameters are not those that the writer knows. Then the resources are written,
    which locks them, and only then rows are removed: a job that adds rows of a tenant's own parameter locks as well, so
    what it added to the former version is seen here.
    """
    free = _WRITE_ARGUMENTS + 2
    calls = [call("fhir.expect_parameters", [free - 1]), call("fhir.write", range(2, _WRITE_ARGUMENTS + 1))]
    for function, is_called in (("fhir.unindex", removes), ("fhir.index_own", adds_own)):
        if is_called:
            calls.append(call(function, range(free, free + _INDEX_ARGUMENTS)))
            free += _INDEX_ARGUMENTS
    return f"SELECT {', '.join(calls)}"


class Stored(NamedTuple):
    """What is current under a key before a write."""

    rid: int
    version: int
    last_updated: int
    index_hash: int
    change: Change
    packed: bytes


def by_identity(rows: Iterable[asyncpg.Record]) -> dict[tuple[int, str], Stored]:
    """Return rows of :data:`LOOKUP` by (type number, logical id)."""
    return {
        (row["type_id"], row["fhir_id"]): Stored(
            row["rid"], row["version"], row["last_updated"], row["index_hash"], Change(row["change"]), row["body"]
        )
        for row in rows
    }


@dataclass(slots=True)
class Indexing:
    """How resources become index rows."""

    encoder: Encoder
    present: PresentBits
    extractor: Extractor
    definitions: SearchDefinitions

    @property
    def zone(self) -> tzinfo:
        """The zone of dates without one."""
        return self.extractor.zone

    def in_zone(self, zone: tzinfo) -> Indexing:
        """Return what does the same with dates without a zone taken as of *zone*."""
        return replace(self, extractor=self.extractor.in_zone(zone))

    def extract(self, resource_type: str, body: bytes) -> IndexEntries:
        """Return the index entries of a resource that is stored as *body*."""
        return self.extractor.extract_tree(resource_type, orjson.loads(body))


@dataclass(slots=True)
class Plan:
    """The arguments of one write, collected."""

    tenant: int
    indexing: Indexing
    codes: Codes
    own: Own = NONE
    now: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    new: list[tuple[Any, ...]] = field(default_factory=list)
    following: list[tuple[Any, ...]] = field(default_factory=list)
    added: IndexRows = field(default_factory=IndexRows)
    removed: IndexRows = field(default_factory=IndexRows)
    own_rows: IndexRows = field(default_factory=IndexRows)

    def add(self, write: Write, stored: Stored | None, rid: int) -> StoredVersion:
        """Plan *write* over what is *stored* (else as a new resource *rid*) and return the version it will make.

        Raises:
            FhirError: see :meth:`fhir_api.store.port.TenantStore.write`.
        """
        check_expected(write, stored)
        if stored is None:
            return self._create(write, rid)
        if write.change is Change.DELETE and stored.change is Change.DELETE:
            return StoredVersion(write.key, stored.version, stored.last_updated, stored.change, b"", unchanged=True)
        if write.skip_unchanged and stored.change is not Change.DELETE and unpack(stored.packed) == write.body:
            return StoredVersion(
                write.key, stored.version, stored.last_updated, stored.change, write.body, unchanged=True
            )
        return self._follow(write, stored)

    def _create(self, write: Write, rid: int) -> StoredVersion:
        rows, low, present = self._rows(write, rid)
        hasher = self.indexing.encoder.hasher
        self.added.extend(rows)
        self._index_own(write, rid, low, None)
        self.new.append((
            rid, hasher.key(write.key), low, index_hash(rows, hasher), type_numbers()[write.key.resource_type],
            int(write.change), write.key.logical_id, present, pack(write.body, self.tenant),
        ))  # fmt: skip
        return StoredVersion(write.key, 1, self.now, write.change, write.body, is_new=True)

    def _follow(self, write: Write, stored: Stored) -> StoredVersion:
        rows, low, present = self._rows(write, stored.rid)
        hashed = index_hash(rows, self.indexing.encoder.hasher)
        if hashed != stored.index_hash:
            before = self._stored_rows(write.key.resource_type, stored)
            self.removed.extend(before.minus(rows))
            self.added.extend(rows.minus(before))
        self._index_own(write, stored.rid, low, stored)
        version = stored.version + 1
        self.following.append(
            (stored.rid, version, low, hashed, int(write.change), present, pack(write.body, self.tenant))
        )
        updated = max(self.now, stored.last_updated + 1)
        is_new = stored.change is Change.DELETE
        return StoredVersion(write.key, version, updated, write.change, write.body, is_new=is_new)

    def _rows(self, write: Write, rid: int) -> tuple[IndexRows, int, bytes]:
        if write.entries is None:
            return IndexRows(), 0, b""
        present = self.indexing.present.of(write.key.resource_type, write.entries)
        return self.indexing.encoder.rows(write.entries, rid, self.codes), write.entries.low, present

    def _index_own(self, write: Write, rid: int, low: int, stored: Stored | None) -> None:
        """Plan the rows of the tenant's own parameters: those that there should be, whatever is there already."""
        resource_type = write.key.resource_type
        if resource_type not in self.own.extractor.types:
            return
        rows = IndexRows()
        if write.entries is not None:
            rows = self.own.rows(self.indexing.encoder, resource_type, write.body, rid, low, self.codes)
        self.own_rows.extend(rows)
        if stored is not None and stored.change is not Change.DELETE:
            body = unpack(stored.packed)
            before = self.indexing.extract(resource_type, body).low
            old = self.own.rows(self.indexing.encoder, resource_type, body, rid, before, self.codes)
            self.removed.extend(old.minus(rows))

    def _stored_rows(self, resource_type: str, stored: Stored) -> IndexRows:
        """Return the rows that the stored version has; they are not kept anywhere, but made again from its body."""
        if stored.change is Change.DELETE:
            return IndexRows()
        entries = self.indexing.extract(resource_type, unpack(stored.packed))
        return self.indexing.encoder.rows(entries, stored.rid, self.codes)

    def statement(self, context: str) -> tuple[str, list[Any]]:
        """Return the statement and its arguments, for a signed context."""
        # writers that meet in several resources take them in one order, so that none waits for the other in a circle
        self.new.sort(key=lambda row: row[1])
        added = index_arguments(self.added)
        arguments = [context, self.now, *_columns(self.new, _NEW), *_columns(self.following, _NEXT)]
        arguments += [*added[:4], *code_columns(self.codes), *added[4:]]
        arguments.append(self.own.generation)
        if self.removed:
            arguments += index_arguments(self.removed)
        if self.own_rows:
            arguments += index_arguments(self.own_rows)
        return _statement(removes=bool(self.removed), adds_own=bool(self.own_rows)), arguments

    def __bool__(self) -> bool:
        return bool(self.new or self.following)


def index_arguments(rows: IndexRows) -> list[bytes]:
    """Return *rows* as the arguments of ``fhir.unindex`` and ``fhir.index_own`` behind the tenant."""
    return [column for table, packers in _INDEX.items() for column in _columns(getattr(rows, table), packers)]


def code_columns(codes: Codes) -> Sequence[bytes]:
    """Return the new rows of ``token_code`` as arguments, in one order for all writers."""
    return _columns(sorted(codes.new.values(), key=lambda row: row[:3]), _CODES)


def _columns(rows: Sequence[tuple[Any, ...]], packers: tuple[Pack, ...]) -> Sequence[bytes]:
    if not rows:
        return _no_columns(packers)
    return [pack(column) for pack, column in zip(packers, zip(*rows, strict=True), strict=True)]


@cache
def _no_columns(packers: tuple[Pack, ...]) -> Sequence[bytes]:
    return tuple(pack(()) for pack in packers)


def check_expected(write: Write, stored: Stored | None) -> None:
    """Raise the FhirError of a write whose expectation does not hold."""
    if write.expected is Expect.ABSENT and stored is not None:
        raise refuse(ErrorKind.CONFLICT, f"{write.key} exists already.")
    if isinstance(write.expected, int) and (stored is None or stored.version != write.expected):
        found = f"version {stored.version}" if stored else "nothing"
        raise refuse(
            ErrorKind.PRECONDITION_FAILED, f"Version {write.expected} of {write.key} was expected, {found} is current."
        )
    if stored is None and write.change is Change.DELETE:
        raise refuse(ErrorKind.NOT_FOUND, f"{write.key} is not known.")


def identity(key: ResourceKey) -> tuple[int, str]:
    """Return a key as :func:`by_identity` names it."""
    return type_numbers()[key.resource_type], key.logical_id
