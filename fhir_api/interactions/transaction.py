"""The transaction interaction: all entries together, or none.

An entry goes through three steps: its *target* is settled (ids given out, criteria matched), its resource is *prepared*
(links replaced, checked, indexed), and all of them are written by one call. Reads come last and see what was written.

Spec: https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import cast

from msgspec.structs import replace

from fhir_api.interactions.conditional_references import ConditionalReferences, is_conditional, unmatched
from fhir_api.interactions.conditions import lock_name
from fhir_api.interactions.consulting import Consultation
from fhir_api.interactions.context import Context
from fhir_api.interactions.delete import deletion
from fhir_api.interactions.entries import EntryExecutor, EntryResponse
from fhir_api.interactions.envelope import Entry
from fhir_api.interactions.links import Links, Target
from fhir_api.interactions.patch import patched
from fhir_api.interactions.preparing import consult, expect_id, expect_type, prepare
from fhir_api.interactions.responses import read_response, written_response
from fhir_api.interactions.retrying import retried
from fhir_api.interactions.settling import settle
from fhir_api.interactions.steps import Step, as_step, in_entry
from fhir_api.model.errors import FhirError
from fhir_api.model.resource import parse_compact
from fhir_api.model.versions import Change
from fhir_api.patching.documents import read_patch, unpacked
from fhir_api.store.collisions import CollisionError
from fhir_api.store.limited import removable
from fhir_api.store.port import Expect, Reader, TenantStore, Transaction, Write

_BREATH = 64
"""Entries prepared between two chances for other requests of the process."""

_SINGLE_CALL = frozenset({"POST", "PUT", "DELETE"})


async def transaction(
    context: Context, entries: Sequence[Entry], execute: EntryExecutor, returns: str | None = None
) -> list[EntryResponse]:
    """Carry out all entries and return the responses in the order of the Bundle.

    Args:
        context: the request's world.
        entries: in any order; the specification's is followed.
        execute: carries out the entries that read.
        returns: ``Prefer: return``: what responses to entries that write show.

    Raises:
        FhirError: of the first entry that is refused; then nothing was changed. Its issues name the entry.
    """

    async def attempt() -> list[EntryResponse]:
        steps = [as_step(context, place, entry) for place, entry in enumerate(entries)]
        async with _scope(context.store, steps) as store:
            await settle(context, store, steps)
            await _carry_out(context, store, steps)
            await _find(store, steps)
            reading = replace(context, store=cast("TenantStore", store))
            return [
                written_response(step, returns) if step.resource_type else await read_response(step, reading, execute)
                for step in steps
            ]

    return await retried(attempt)


def _scope(store: TenantStore, steps: Sequence[Step]) -> AbstractAsyncContextManager[TenantStore | Transaction]:
    """Return a database transaction, or just the store when a single call does all there is to do."""
    if all(step.query is None and step.method in _SINGLE_CALL and not is_conditional(step.text) for step in steps):
        return nullcontext(store)
    names = {lock_name(step.resource_type, step.query) for step in steps if step.query is not None}
    return store.transaction(sorted(names))


async def _carry_out(context: Context, store: TenantStore | Transaction, steps: Sequence[Step]) -> None:
    """Prepare and write everything; resources with conditional references come after those they may refer to."""
    links = await _links(store, steps)
    consultation = consult(context, store)
    ready: list[Step] = []
    waiting: list[Step] = []
    for number, step in enumerate(steps):
        if number % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
        if not step.keys or step.is_found:
            continue
        try:
            if step.method in {"POST", "PUT"}:
                # a Bundle is a world of its own: its references are resolved inside it
                if step.resource_type != "Bundle":
                    step.text = links.rewrite(step.text, step.full_url)
                if is_conditional(step.text):
                    waiting.append(step)
                    continue
                step.writes = (await _write(context, step, consultation),)
                step.text = b""  # what is written holds it now, and it may be large
            else:
                await _prepare_change(context, store, step)
        except FhirError as error:
            raise in_entry(error, step.place) from None
        ready.append(step)
    await _store(store, ready)
    if waiting:
        await _store_waiting(context, store, waiting, consultation)


async def _links(store: Reader, steps: Sequence[Step]) -> Links:
    targets = {
        step.full_url: Target(step.keys[0], 1 if step.expected is Expect.ABSENT else None)
        for step in steps
        if step.full_url is not None and step.keys and step.method != "DELETE"
    }
    if any(b"/_history/" in step.text for step in steps):
        await _foresee_versions(store, steps, targets)
    return Links(targets)


async def _foresee_versions(store: Reader, steps: Sequence[Step], targets: dict[str, Target]) -> None:
    """Find out which versions the transaction will make, for references that name one."""
    known = await store.currents([target.key for target in targets.values()])
    for step in steps:
        if step.full_url not in targets or step.expected is Expect.ABSENT:
            continue
        current = known.get(step.keys[0])
        if step.is_found:
            version_id = current.version_id if current else None
        else:
            version_id, step.is_named = current.version_id + 1 if current else 1, True
            if step.expected is Expect.ANYTHING:
                step.expected, step.is_pinned = (current.version_id if current else Expect.ABSENT), True
        targets[step.full_url] = Target(step.keys[0], version_id)


async def _write(context: Context, step: Step, consultation: Consultation | None) -> Write:
    """Return the write of a POST or PUT whose links are replaced."""
    resource, key = parse_compact(step.text), step.keys[0]
    expect_type(resource, key.resource_type)
    if step.method == "POST":
        return await prepare(context, resource, key, Change.CREATE, expected=step.expected, consultation=consultation)
    if step.query is None:
        expect_id(resource, key.logical_id)
    write = await prepare(context, resource, key, Change.UPDATE, expected=step.expected, consultation=consultation)
    write.skip_unchanged = not step.is_named
    return write


async def _prepare_change(context: Context, store: Reader, step: Step) -> None:
    """Prepare a DELETE or PATCH."""
    if_match = step.expected if isinstance(step.expected, int) and not step.is_pinned else None
    if step.method == "DELETE":
        step.writes = [deletion(key, if_match) for key in step.keys]
        return
    write = await patched(context, store, step.keys[0], read_patch(*unpacked(step.text)), if_match)
    write.skip_unchanged = not step.is_named
    step.writes, step.expected, step.is_pinned = (write,), write.expected, if_match is None


async def _store_waiting(
    context: Context, store: TenantStore | Transaction, waiting: list[Step], consultation: Consultation | None
) -> None:
    """Store resources as their conditional references come to match, each perhaps by one that was stored before.

    Raises:
        FhirError: UNPROCESSABLE when a reference matches nothing in the end, PRECONDITION_FAILED when several match.
    """
    references = ConditionalReferences(context, store)
    while waiting:
        ready: list[Step] = []
        for step in waiting:
            try:
                step.text = await references.resolved(step.text)
                if not is_conditional(step.text):
                    step.writes = (await _write(context, step, consultation),)
                    ready.append(step)
            except FhirError as error:
                raise in_entry(error, step.place) from None
        waiting = [step for step in waiting if not step.writes]
        if not ready:
            raise in_entry(unmatched(waiting[0].text), waiting[0].place)
        await _store(store, ready)


async def _store(store: TenantStore | Transaction, steps: Sequence[Step]) -> None:
    """Carry out the writes of *steps* in one call and note what each made."""
    deletions = [step for step in steps if step.method == "DELETE" and step.expected is Expect.ANYTHING]
    if deletions:
        known = await removable(store, [write.key for step in deletions for write in step.writes])
        for step in deletions:
            # what never was is as good as deleted
            step.writes = [write for write in step.writes if write.key in known]
    writes = [write for step in steps for write in step.writes]
    if not writes:
        return
    try:
        versions = iter(await store.write(writes))
    except FhirError as error:
        raise await _blamed(store, steps, error) from None
    for step in steps:
        for _ in step.writes:
            step.version = next(versions)


async def _blamed(store: Reader, steps: Sequence[Step], error: FhirError) -> Exception:
    """Return *error* with the place of the entry whose expectation did not hold."""
    known = await store.currents([write.key for step in steps for write in step.writes])
    for step in steps:
        current = known.get(step.keys[0])
        found = Expect.ABSENT if current is None else current.version_id
        if step.expected not in {Expect.ANYTHING, found}:
            if step.is_pinned:
                return CollisionError(f"{step.keys[0]} was changed by another writer")
            return in_entry(error, step.place)
    return error


async def _find(store: Reader, steps: Sequence[Step]) -> None:
    """Look up what conditional creates found."""
    found = [step for step in steps if step.is_found and step.keys]
    if found:
        known = await store.currents([step.keys[0] for step in found])
        for step in found:
            step.version = known.get(step.keys[0])
