"""Putting on record what is written, in the very call of the store that writes it: both are there, or neither."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from stanforis.audit import Batch, Record, TenantTrail

from fhir_api.model.errors import FhirError
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.store.port import Access, Write

_ACTIONS = {Change.CREATE: "C", Change.UPDATE: "U", Change.PATCH: "U", Change.DELETE: "D"}


def records_of(
    writes: Iterable[Write], outcomes: Iterable[StoredVersion | FhirError]
) -> tuple[TenantTrail, list[Record]] | None:
    """Return what goes on record of *writes*, one record for each access and action; None where nothing does."""
    made: defaultdict[tuple[int, str], list[StoredVersion]] = defaultdict(list)
    accesses: dict[int, Access] = {}
    for write, outcome in zip(writes, outcomes, strict=True):
        if write.access is not None and isinstance(outcome, StoredVersion):
            accesses[id(write.access)] = write.access
            action = "C" if outcome.is_new else _ACTIONS[write.change]
            made[id(write.access), action].append(outcome)
    if not made:
        return None
    records = [accesses[access].written(action, versions) for (access, action), versions in made.items()]
    return next(iter(accesses.values())).trail, records


def batch_of(writes: Iterable[Write], outcomes: Iterable[StoredVersion | FhirError]) -> Batch | None:
    """Return what goes on record of *writes* as a batch, to be stored together with them."""
    found = records_of(writes, outcomes)
    return None if found is None else found[0].batch(found[1])


async def keep_record(writes: Iterable[Write], outcomes: Iterable[StoredVersion]) -> None:
    """Keep what goes on record of *writes* in a store that has no transaction in which both could happen."""
    found = records_of(writes, outcomes)
    if found is not None:
        await found[0].keep(*found[1])
