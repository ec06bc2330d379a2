"""The entries of a transaction as steps: what each does, to which resource, and what it expects to find.

Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhir_api.interactions.context import Context
from fhir_api.interactions.entries import EntryRequest
from fhir_api.interactions.envelope import Entry, faulty, is_operation
from fhir_api.interactions.vread import is_version_number
from fhir_api.model.errors import FhirError
from fhir_api.model.keys import ResourceKey, is_logical_id
from fhir_api.model.outcome import Issue
from fhir_api.model.resource import compact
from fhir_api.model.versions import StoredVersion
from fhir_api.store.port import Expect, Write

_READS = frozenset({"GET", "HEAD"})
_ETAG = re.compile(r'(?:W/)?"([A-Za-z0-9\-.]{1,64})"')
_NO_VERSION = 0
"""A version that nothing has: they start at 1."""


@dataclass(slots=True)
class Step:
    """One entry on its way.

    Attributes:
        place: in the Bundle, from 0.
        method: HTTP verb; ``GET`` for everything that only reads.
        request: what it asks for.
        full_url: ``Bundle.entry.fullUrl``.
        resource_type: that it writes; empty for reads.
        text: compact JSON of the resource it carries.
        query: criteria of a conditional entry.
        keys: the resources it writes to (several only for a conditional delete) or, for a conditional create that
            matched, what was found.
        expected: what must be there.
        is_pinned: *expected* is no wish of the client's: if it does not hold, the whole work is done again.
        is_named: a reference names the version that this makes, so it is made even if nothing changes.
        writes: the prepared writes; none where nothing is written.
        version: what it wrote, or what a conditional create found.
    """

    place: int
    method: str
    request: EntryRequest
    full_url: str | None
    resource_type: str = ""
    text: bytes = b""
    query: str | None = None
    keys: Sequence[ResourceKey] = ()
    expected: int | Expect = Expect.ANYTHING
    is_pinned: bool = False
    is_named: bool = False
    writes: Sequence[Write] = ()
    version: StoredVersion | None = None

    @property
    def is_found(self) -> bool:
        """Whether this is a conditional create that found its resource."""
        return self.method == "POST" and self.expected is not Expect.ABSENT


def as_step(context: Context, place: int, entry: Entry) -> Step:
    """Return the step that an entry asks for.

    Raises:
        FhirError: INVALID, with the element that cannot be understood.
    """
    request = entry.as_request(place)
    full_url = entry.full_url if isinstance(entry.full_url, str) else None
    if full_url == "":
        raise faulty(place, "fullUrl", "Expected a URI, found an empty text.", "value")
    if request.method in _READS or (request.method == "POST" and is_operation(request.url)):
        return Step(place, "GET", request, full_url)
    path, _, query = request.url.removeprefix(f"{context.base_url}/").partition("?")
    resource_type, *rest = path.split("/")
    if not context.rules.is_resource_type(resource_type):
        raise faulty(place, "request.url", f"'{resource_type[:64]}' is not a resource type.", "not-supported")
    try:
        text = compact(request.resource) if request.resource is not None else b""
    except FhirError as error:
        raise in_entry(error, place) from None
    made = Step(place, request.method, request, full_url, resource_type, text)
    _read_url(made, rest, query)
    return made


def _read_url(step: Step, rest: Sequence[str], query: str) -> None:
    """Read the URL of an entry that writes: ``Type``, ``Type/id`` or ``Type?criteria``."""
    if step.method == "POST" and not rest and not query:
        step.query, step.expected = step.request.if_none_exist, Expect.ABSENT
        return
    if step.method != "POST" and not rest and query:
        step.query = query
    elif step.method != "POST" and len(rest) == 1 and not query:
        if not is_logical_id(rest[0]):
            raise faulty(step.place, "request.url", "The id in the URL is not a valid id.", "value")
        step.keys = (ResourceKey(step.resource_type, rest[0]),)
    else:
        raise faulty(step.place, "request.url", f"This is not a URL for {step.method} in a transaction.", "value")
    if step.request.if_match is not None:
        step.expected = _version(step.place, step.request.if_match)


def _version(place: int, tag: str) -> int:
    match = _ETAG.fullmatch(tag.strip())
    if match is None:
        raise faulty(place, "request.ifMatch", 'Expected an ETag such as W/"3".', "value")
    return int(match[1]) if is_version_number(match[1]) else _NO_VERSION


def in_entry(error: FhirError, place: int) -> FhirError:
    """Return *error* with the entry's place in front of where its issues say they are."""
    error.issues = tuple(_in_entry(issue, f"Bundle.entry[{place}]") for issue in error.issues)
    return error


def _in_entry(issue: Issue, entry: str) -> Issue:
    if any(expression.startswith(entry) for expression in issue.expressions):
        return issue
    inside = [expression.partition(".")[2] for expression in issue.expressions]
    places = tuple(f"{entry}.resource.{place}" if place else f"{entry}.resource" for place in inside)
    return replace(issue, expressions=places or (entry,))
