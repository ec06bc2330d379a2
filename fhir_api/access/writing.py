"""Writing as one caller may: what is replaced has to be theirs before, and what is stored has to be theirs after.

Spec: https://hl7.org/fhir/R4/security.html#access-control
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhir_api.access.emergency import is_of, is_review
from fhir_api.access.judging import Judge
from fhir_api.access.reading import GuardedReader
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import Change, StoredVersion
from fhir_api.search.query import EVERYTHING
from fhir_api.store.port import Expect, Write

INTERACTIONS = {
    Change.CREATE: "create",
    Change.UPDATE: "update",
    Change.PATCH: "patch",
    Change.DELETE: "delete",
}
"""What is decided for each change."""


class GuardedWriter(GuardedReader):
    """Looks at writes before they are carried out."""

    async def _permitted(self, writes: Sequence[Write]) -> Sequence[Write]:
        """Return *writes*, each expecting the version that was looked at.

        Raises:
            FhirError: FORBIDDEN for what the caller may not store or change; for a deletion of what they may not even
                read NOT_FOUND, or PRECONDITION_FAILED where a version is expected.
        """
        await self._check_reviews([write for write in writes if is_review(write.key)])
        judges = [self._access.admitted(INTERACTIONS[write.change], write.key.resource_type) for write in writes]
        if all(judge.clause is EVERYTHING for judge in judges):
            return writes
        looked_at = [
            write.key
            for write, judge in zip(writes, judges, strict=True)
            if judge.clause is not EVERYTHING and write.expected is not Expect.ABSENT
        ]
        known = await self._reader.currents(looked_at) if looked_at else {}
        return [await self._checked(write, judge, known) for write, judge in zip(writes, judges, strict=True)]

    async def _check_reviews(self, writes: Sequence[Write]) -> None:
        """Let nobody change the review of their own emergency, or put something else in its place beforehand.

        Raises:
            FhirError: FORBIDDEN.
        """
        if not writes:
            return
        access = self._access
        breaks_glass = access.rules.policy.rights(access.caller).breaks_glass
        known = await self._reader.currents([write.key for write in writes])
        for write in writes:
            review = known.get(write.key)
            if breaks_glass if review is None or review.is_deletion else is_of(review, access.caller):
                raise _forbidden(write)

    async def _checked(self, write: Write, judge: Judge, known: dict[ResourceKey, StoredVersion]) -> Write:
        if judge.clause is EVERYTHING:
            return write
        if write.entries is not None and not judge.would_fit(write.key, write.entries):
            raise _forbidden(write)
        current = known.get(write.key)
        if current is not None and not await self._is_seen(current, judge):
            is_told = write.change is not Change.DELETE or await self._may_read(current)
            raise _forbidden(write) if is_told else _absent(write)
        if write.expected is not Expect.ANYTHING:
            return write
        if write.change is Change.DELETE and current is None:
            raise _absent(write)
        return replace(write, expected=Expect.ABSENT if current is None else current.version_id)

    async def removable(self, keys: Sequence[ResourceKey]) -> set[ResourceKey]:
        """Return those of *keys* that are there, as far as whoever deletes them may know.

        Raises:
            FhirError: FORBIDDEN for what they may not delete, unless they may not even read it.
        """
        judges = {key: self._access.admitted("delete", key.resource_type) for key in keys}
        found = set[ResourceKey]()
        for key, version in (await self._reader.currents(keys)).items():
            if await self._is_seen(version, judges[key]):
                found.add(key)
            elif await self._may_read(version):
                raise _forbidden_to("delete", key)
        return found


def is_pinned(asked: Sequence[Write], carried_out: Sequence[Write], error: FhirError) -> bool:
    """Tell whether *error* may be due to a version that was only expected because it had been looked at."""
    if error.kind not in (ErrorKind.PRECONDITION_FAILED, ErrorKind.CONFLICT):
        return False
    return any(before.expected is not after.expected for before, after in zip(asked, carried_out, strict=True))


def _forbidden(write: Write) -> FhirError:
    return _forbidden_to(INTERACTIONS[write.change], write.key)


def _forbidden_to(interaction: str, key: ResourceKey) -> FhirError:
    text = f"You may do '{interaction}' on some {key.resource_type} resources, not on this."
    error = refuse(ErrorKind.FORBIDDEN, text)
    error.challenge = 'Bearer error="insufficient_scope"'
    return error


def _absent(write: Write) -> FhirError:
    """Return what the store says of a deletion where nothing is."""
    if isinstance(write.expected, int):
        text = f"Version {write.expected} of {write.key} was expected, nothing is current."
        return refuse(ErrorKind.PRECONDITION_FAILED, text)
    return refuse(ErrorKind.NOT_FOUND, f"{write.key} does not exist.")
