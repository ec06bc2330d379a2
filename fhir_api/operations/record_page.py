"""Which part of a record is asked for: by the parameters of ``$everything``, and by the place where a page starts.

Spec: https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, tzinfo

import msgspec

from fhir_api.interactions.context import Context
from fhir_api.model.dates import EARLIEST, LATEST, Interval, interval
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.versions import StoredVersion
from fhir_api.operations.operation import Call
from fhir_api.operations.seen import Seen
from fhir_api.search.query import DateValue, Prefix
from fhir_api.search.refusals import unknown_type

DEFAULT_COUNT = 500
MOST_COUNT = 1000

_POSITION = msgspec.msgpack.Decoder(tuple[int, bytes | None, bytes])


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a record is asked for.

    Attributes:
        count: members a page holds at most.
        types: of what is shown; None is every type.
        since: only what was updated at or after this instant (milliseconds), or None.
        care: only what is dated ``[low, high)`` or not at all; None is any date.
    """

    count: int
    types: frozenset[str] | None = None
    since: DateValue | None = None
    care: tuple[int, int] | None = None

    def shows(self, version: StoredVersion) -> bool:
        """Tell whether a version is asked for, by its type and by when it was updated."""
        is_new = self.since is None or version.last_updated >= self.since.low
        return is_new and (self.types is None or version.key.resource_type in self.types)


@dataclass(slots=True)
class Position:
    """Where a page starts.

    Attributes:
        centres: how many of the centres have been given.
        members: where the search for members goes on; None for its start.
        seen: what earlier pages have brought along.
    """

    centres: int = 0
    members: bytes | None = None
    seen: Seen = field(default_factory=Seen)

    def packed(self) -> bytes:
        """Return it as bytes for a cursor."""
        return msgspec.msgpack.encode((self.centres, self.members, self.seen.packed()))


def read_asked(context: Context, call: Call) -> Asked:
    """Return what the parameters of *call* ask for.

    Raises:
        FhirError: MALFORMED, NOT_SUPPORTED.
    """
    arguments = call.arguments
    count = arguments.value("_count")
    if count is not None and count < 1:
        raise refuse(ErrorKind.MALFORMED, "_count of $everything is a whole number from 1.", code="value")
    types = [name for argument in arguments.all("_type") for name in str(argument.value).split(",")]
    for name in types:
        if not context.rules.is_resource_type(name):
            raise unknown_type(name, context.rules.search.resource_types)
    since = arguments.value("_since")
    return Asked(
        min(count or DEFAULT_COUNT, MOST_COUNT),
        frozenset(types) or None,
        None if since is None else DateValue(Prefix.GE, *_interval("_since", since, UTC)),
        _care(context, arguments.value("start"), arguments.value("end")),
    )


def _care(context: Context, start: str | None, end: str | None) -> tuple[int, int] | None:
    if start is None and end is None:
        return None
    zone = context.rules.zone
    low = EARLIEST if start is None else _interval("start", start, zone).low
    high = LATEST if end is None else _interval("end", end, zone).high
    if low >= high:
        raise refuse(ErrorKind.MALFORMED, "'end' is before 'start'.", code="value")
    return low, high


def _interval(name: str, text: str, zone: tzinfo) -> Interval:
    try:
        return interval(text, zone)
    except (ValueError, OverflowError):
        raise refuse(ErrorKind.MALFORMED, f"'{name}' is no date that can be counted with.", code="value") from None


def read_position(cursor: bytes | None) -> Position:
    """Return the place that a cursor holds, without one the start.

    Raises:
        FhirError: MALFORMED for one that was made by another release.
    """
    if cursor is None:
        return Position()
    try:
        centres, members, seen = _POSITION.decode(cursor)
    except msgspec.DecodeError:
        raise refuse(ErrorKind.MALFORMED, "The page link does not belong to this operation.") from None
    return Position(centres, members, Seen(seen))
