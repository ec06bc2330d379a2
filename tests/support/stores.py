"""Short ways to write to a store and to search it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import orjson
from msgspec.structs import replace

from fhir_api.model.keys import ResourceKey
from fhir_api.model.resource import Resource, body, parse
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.search.definitions import base_definitions
from fhir_api.search.extract.extractor import Extractor
from fhir_api.search.parse import parse_query
from fhir_api.search.query import Clause, Query
from fhir_api.store.port import Expect, TenantStore, Transaction, Write

DEFINITIONS = base_definitions()
EXTRACTOR = Extractor(DEFINITIONS)

Tree = dict[str, Any]


def write(
    tree: Tree,
    change: Change = Change.CREATE,
    expected: int | Expect = Expect.ANYTHING,
    *,
    skip_unchanged: bool = False,
) -> Write:
    """Return the write that stores *tree* under its own id."""
    resource = parse(orjson.dumps(tree))
    key = ResourceKey(resource.resource_type, tree["id"])
    return Write(key, change, body(resource, key), EXTRACTOR.extract(resource), expected, skip_unchanged)


def as_read(written: StoredVersion) -> StoredVersion:
    """Return a version as reading gives it: whether something was there before is told by the write alone."""
    return replace(written, is_new=False)


def update(tree: Tree, expected: int | Expect = Expect.ANYTHING, *, skip_unchanged: bool = False) -> Write:
    """Return the write that replaces the resource with *tree*."""
    return write(tree, Change.UPDATE, expected, skip_unchanged=skip_unchanged)


def deletion(reference: str, expected: int | Expect = Expect.ANYTHING) -> Write:
    """Return the write that deletes ``Type/id``."""
    return Write(key_of(reference), Change.DELETE, b"", None, expected)


def key_of(reference: str) -> ResourceKey:
    """Return the key of ``Type/id``."""
    resource_type, _, logical_id = reference.partition("/")
    return ResourceKey(resource_type, logical_id)


def query(url: str) -> Query:
    """Return the query of ``Type?name=value&…``; an empty type, or several joined by commas, search across types."""
    types, _, text = url.partition("?")
    pairs = parse_qsl(text.replace("+", "%2B"), keep_blank_values=True)
    return parse_query(DEFINITIONS, tuple(filter(None, types.split(","))), pairs, base_url="http://server/fhir").query


def clauses(url: str) -> tuple[Clause, ...]:
    """Return the clauses of ``Type?name=value&…``."""
    return query(url).clauses


async def found(store: TenantStore | Transaction, url: str) -> set[str]:
    """Return the ids of all matches on the first page."""
    return {version.key.logical_id for version in (await store.search(query(url))).matches}


async def found_in_order(store: TenantStore | Transaction, url: str) -> list[str]:
    """Return the ids of the matches on the first page, in order."""
    return [version.key.logical_id for version in (await store.search(query(url))).matches]


def tree_of(version: StoredVersion) -> Tree:
    """Return the resource of a version as parsed JSON, without ``meta``."""
    tree: Tree = orjson.loads(version.resource())
    del tree["meta"]
    return tree


def resource(tree: Tree) -> Resource:
    """Return *tree* as a resource."""
    return parse(orjson.dumps(tree))
