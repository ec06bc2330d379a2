"""The transaction interaction: all entries together, or none.

An entry goes through three steps: its *target* is settled (ids given out, criteria matched), its resource is *prepared*
(links replaced, checked, indexed), and all of them are written by one call. Reads come last and see what was written.

Spec: https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import cast

from fhir_api.interactions import links
from fhir_api.interactions.conditional_references import resolved_references
from fhir_api.interactions.conditions import criteria, lock_name, one_match
from fhir_api.interactions.context import Context
from fhir_api.interactions.delete import deletion
from fhir_api.interactions.entries import EntryExecutor, EntryRequest, EntryResponse
from fhir_api.interactions.envelope import Entry
from fhir_api.interactions.patch import parse_json_patch, patch_write
from fhir_api.interactions.preparing import expect_id, expect_type, prepare
from fhir_api.interactions.read import read
from fhir_api.interactions.retrying import retried
from fhir_api.interactions.update import target
from fhir_api.interactions.vread import is_version_number
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey, is_logical_id, new_logical_id
from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource, compact, parse
from fhir_api.model.versions import Change, StoredVersion, instant
from fhir_api.store.port import Expect, Reader, TenantStore, Transaction, Write

_BREATH = 64
"""Entries prepared between two chances for other requests of the process."""

_READS = frozenset({"GET", "HEAD"})
_TYPE_AND_ID = 2
_FIRST_ERROR = 400


@dataclass(slots=True)
class Step:
    """One entry on its way.

    Attributes:
        place: in the Bundle, from 0.
        request: what it asks for.
        full_url: ``Bundle.entry.fullUrl``.
        key: what it writes to or, for a conditional create that matched, what was found.
        expected: what must be there.
        query: criteria of a conditional entry.
        write: the prepared write; None where nothing is written.
    """

    place: int
    request: EntryRequest
    full_url: str | None
    resource_type: str
    key: ResourceKey | None = None
    expected: int | Expect = Expect.ANYTHING
    query: str | None = None
    write: Write | None = None


async def transaction(context: Context, entries: Sequence[Entry], execute: EntryExecutor) -> list[EntryResponse]:
    """Carry out all entries and return the responses in the order of the Bundle.

    Raises:
        FhirError: of the first entry that is refused; then nothing was changed. Its issues name the entry.
    """
    steps = [_step(context, place, entry) for place, entry in enumerate(entries)]

    async def attempt() -> list[EntryResponse]:
        async with _scope(context.store, steps) as store:
            await _settle(context, store, steps)
            await _prepare_all(context, store, steps)
            written = await _write(store, steps)
            reading = replace(context, store=cast("TenantStore", store))
            return [await _response(reading, store, step, written, execute) for step in steps]

    return await retried(attempt)


def _scope(store: TenantStore, steps: Sequence[Step]) -> AbstractAsyncContextManager[TenantStore | Transaction]:
    """Return a database transaction, or just the store when a single call does all there is to do."""
    simple = all(step.query is None and step.request.method in {"POST", "PUT", "DELETE"} for step in steps)
    if simple and not any(
        b'"reference":"' in text and b"?" in text for step in steps if (text := step.request.resource)
    ):
        return nullcontext(store)
    names = {lock_name(step.resource_type, step.query) for step in steps if step.query is not None}
    return store.transaction(sorted(names))


def _step(context: Context, place: int, entry: Entry) -> Step:
    request = entry.as_request(place)
    full_url = entry.full_url if isinstance(entry.full_url, str) else None
    if request.method in _READS or (request.method == "POST" and request.url.partition("?")[0].endswith("_search")):
        return Step(place, replace(request, resource=None), full_url, "")
    path, _, query = request.url.removeprefix(f"{context.base_url}/").partition("?")
    parts = path.split("/")
    if not context.rules.is_resource_type(parts[0]):
        raise _at(place, "request.url", f"'{parts[0][:64]}' is not a resource type.", "not-supported")
    step = Step(place, request, full_url, parts[0])
    _settle_url(step, parts, query)
    return step


def _settle_url(step: Step, parts: Sequence[str], query: str) -> None:
    """Read the URL of an entry that writes: ``Type``, ``Type/id`` or ``Type?criteria``."""
    method = step.request.method
    if len(parts) == _TYPE_AND_ID and not query and method != "POST":
        if not is_logical_id(parts[1]):
            raise _at(step.place, "request.url", "The id in the URL is not a valid id.", "value")
        step.key, step.expected = ResourceKey(parts[0], parts[1]), _expected(step)
    elif len(parts) == 1 and method == "POST" and not query:
        step.query = step.request.if_none_exist
    elif len(parts) == 1 and method != "POST" and query:
        step.query = query
    else:
        raise _at(step.place, "request.url", f"This is not a URL for {method} inside a transaction.", "value")


def _expected(step: Step) -> int | Expect:
    if step.request.if_none_match == "*":
        return Expect.ABSENT
    tag = step.request.if_match
    if tag is None:
        return Expect.ANYTHING
    number = tag.removeprefix("W/").strip('"')
    if not is_version_number(number):
        raise _at(step.place, "request.ifMatch", 'Expected an ETag such as W/"3".', "value")
    return int(number)


async def _settle(context: Context, store: Reader, steps: Sequence[Step]) -> None:
    """Give every writing entry its key, and refuse two entries for one resource."""
    created: dict[str, ResourceKey] = {}
    for step in steps:
        if step.query is not None:
            with _naming(step.place):
                await _settle_criteria(context, store, step, created)
        elif step.request.method == "POST" and step.resource_type:
            step.key, step.expected = ResourceKey(step.resource_type, new_logical_id()), Expect.ABSENT
    seen: dict[ResourceKey, int] = {}
    for step in steps:
        if step.key is None or (step.request.method == "POST" and step.query is not None):
            continue
        if step.key in seen:
            raise _at(
                step.place, "request.url", f"Entry {seen[step.key]} changes the same resource, {step.key}.", "duplicate"
            )
        seen[step.key] = step.place


async def _settle_criteria(context: Context, store: Reader, step: Step, created: dict[str, ResourceKey]) -> None:
    query = step.query or ""
    name = lock_name(step.resource_type, query)
    match = await one_match(store, step.resource_type, criteria(context, step.resource_type, query))
    match step.request.method:
        case "POST":
            # a second entry with the same criteria finds what the first one makes
            step.key, step.expected = match or created.get(name), Expect.ANYTHING
            if step.key is None:
                step.key, step.expected = ResourceKey(step.resource_type, new_logical_id()), Expect.ABSENT
                created[name] = step.key
        case "PUT":
            resource = _parsed(step.request.resource or b"", step.place)
            wanted = _expected(step)
            step.key, step.expected = target(
                resource, step.resource_type, match, wanted if isinstance(wanted, int) else None
            )
        case "PATCH" if match is None:
            raise refuse(ErrorKind.NOT_FOUND, f"No {step.resource_type} matches the criteria.")
        case _:
            step.key, step.expected = match, _expected(step)


async def _prepare_all(context: Context, store: Reader, steps: Sequence[Step]) -> None:
    own = links.Links({
        step.full_url: str(step.key)
        for step in steps
        if step.full_url is not None and step.key is not None and step.request.method in {"POST", "PUT"}
    })  # fmt: skip
    for step in steps:
        if step.place % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
        if step.key is not None:
            with _naming(step.place):
                step.write = await _prepare(context, store, step, own)


async def _prepare(context: Context, store: Reader, step: Step, own: links.Links) -> Write | None:
    key, request = step.key, step.request
    if key is None or (request.method == "POST" and step.expected is not Expect.ABSENT):
        return None
    if request.method == "DELETE":
        return deletion(key, step.expected if isinstance(step.expected, int) else None)
    if request.method == "PATCH":
        current = await read(store, key)
        return replace(
            patch_write(context, current, parse_json_patch(_patch_document(step))), expected=current.version_id
        )
    text = own.rewrite(compact(request.resource or b""), step.full_url, step.place)
    resource = await resolved_references(context, store, parse(text))
    expect_type(resource, key.resource_type)
    if request.method == "PUT" and step.query is None:
        expect_id(resource, key.logical_id)
    change = Change.CREATE if request.method == "POST" else Change.UPDATE
    return prepare(context, resource, key, change, expected=step.expected)


def _patch_document(step: Step) -> bytes:
    """Return the JSON Patch that a PATCH entry carries in a Binary."""
    binary = _parsed(step.request.resource or b"", step.place)
    if binary.resource_type != "Binary" or binary.tree.get("contentType") != "application/json-patch+json":
        raise refuse(ErrorKind.NOT_SUPPORTED, "PATCH takes a Binary of content type 'application/json-patch+json'.")
    try:
        return base64.b64decode(binary.tree.get("data") or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise refuse(ErrorKind.MALFORMED, "Binary.data is not base64.", expression="Binary.data") from None


async def _write(store: TenantStore | Transaction, steps: Sequence[Step]) -> dict[int, StoredVersion]:
    """Write everything in one call and return the versions by the entry's place."""
    writing = [step for step in steps if step.write is not None]
    absent = [step for step in writing if step.request.method == "DELETE"]
    if absent:
        known = await store.currents([step.key for step in absent if step.key is not None])
        for step in absent:
            if step.key not in known:
                step.write = None  # what never was is as good as deleted
        writing = [step for step in writing if step.write is not None]
    if not writing:
        return {}
    versions = await store.write([step.write for step in writing if step.write is not None])
    return {step.place: version for step, version in zip(writing, versions, strict=True)}


async def _response(
    reading: Context, store: Reader, step: Step, written: dict[int, StoredVersion], execute: EntryExecutor
) -> EntryResponse:
    version = written.get(step.place)
    if version is not None:
        return _written_response(step, version)
    if step.resource_type:
        # a conditional create that found its resource, or a delete that found none
        found = await store.current(step.key) if step.request.method == "POST" and step.key else None
        return _found_response(found) if found else EntryResponse(204)
    response = await execute(reading, step.request)
    if response.status >= _FIRST_ERROR:
        # the specification lets the whole transaction fail for a read that fails
        raise _at(step.place, "request.url", f"Reading failed with status {response.status}.", "processing")
    return response


def _written_response(step: Step, version: StoredVersion) -> EntryResponse:
    if version.is_deletion:
        return EntryResponse(204, etag=version.etag, last_modified=instant(version.last_updated))
    first = version.version_id == 1 and step.request.method in {"POST", "PUT"}
    return replace(_found_response(version), status=201 if first else 200)


def _found_response(version: StoredVersion) -> EntryResponse:
    location = f"{version.key.resource_type}/{version.key.logical_id}/_history/{version.version_id}"
    return EntryResponse(200, location, version.etag, instant(version.last_updated))


def _parsed(text: bytes, place: int) -> Resource:
    with _naming(place):
        return parse(text)


def _at(place: int, element: str, diagnostics: str, code: str) -> FhirError:
    kind = ErrorKind.UNPROCESSABLE if code == "duplicate" else ErrorKind.INVALID
    return refuse(kind, diagnostics, code=code, expression=f"Bundle.entry[{place}].{element}")


class _naming:  # noqa: N801 - reads as a word of the with statement
    """Puts the entry's place in front of where a refused resource's issues say they are."""

    def __init__(self, place: int) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FhirError):
            error.issues = tuple(self._named(issue) for issue in error.issues)

    def _named(self, issue: Issue) -> Issue:
        entry = f"Bundle.entry[{self._place}]"
        if any(expression.startswith(entry) for expression in issue.expressions):
            return issue
        inside = [expression.partition(".")[2] for expression in issue.expressions]
        places = tuple(f"{entry}.resource.{place}" if place else f"{entry}.resource" for place in inside)
        return replace(issue, expressions=places or (entry,))
