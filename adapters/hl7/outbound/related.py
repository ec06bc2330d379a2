"""What belongs to a change: the resources that its rows name, read from the FHIR server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import quote

from adapters.hl7.applying.server import FhirServer
from adapters.hl7.outbound.building import BuildError, Json, Subject
from adapters.hl7.outbound.compiling import MessagePlan, RelatedPlan
from fhir_api import fhirpath

_OK = 200
_ABSENT = frozenset({403, 404, 410})
"""What a destination may not see is not there for it."""
_LATER = frozenset({401, 408, 429})
_FAULT = 500
_FARTHEST = 8
"""Steps of references that are followed one from another, such as the places that a bed is in."""
_MOST_FOUND = 50


class UnreadableError(Exception):
    """The server does not give a resource at the moment: the change is read again later."""


class Library(Protocol):
    """Gives resources."""

    async def read(self, reference: str) -> Json | None:
        """Return what ``Patient/1`` or ``Patient/1/_history/2`` means; None where it is gone or withheld.

        Raises:
            UnreadableError: the server does not say.
        """
        ...

    async def search(self, query: str) -> list[Json]:
        """Return what a search finds.

        Raises:
            UnreadableError: the server does not say.
        """
        ...


class FromServer:
    """Reads from a FHIR server, as one of its clients."""

    def __init__(self, server: FhirServer) -> None:
        self._server = server

    async def read(self, reference: str) -> Json | None:
        """Return a resource."""
        answer = await self._server.send("GET", reference)
        if answer.status == _OK:
            return answer.resource
        if answer.status in _ABSENT:
            return None
        raise _refused(answer.status, "a related resource")

    async def search(self, query: str) -> list[Json]:
        """Return what a search finds, the first page."""
        answer = await self._server.send("GET", f"{query}&_count={_MOST_FOUND}")
        if answer.status in _ABSENT:
            return []
        if answer.status != _OK:
            raise _refused(answer.status, "a search of related resources")
        entries = answer.resource.get("entry", [])
        return [entry["resource"] for entry in entries if entry.get("search", {}).get("mode", "match") == "match"]


def _refused(status: int, what: str) -> Exception:
    """Make the error of a refusal: one that may be another the next time, or one that stays."""
    if status in _LATER or status >= _FAULT:
        return UnreadableError(f"the FHIR server answered {status} to {what}")
    return BuildError("related", f"the FHIR server answered {status} to {what}")


async def with_related(plan: MessagePlan, subject: Subject, library: Library) -> Subject:
    """Return *subject* with what the rows of *plan* name.

    Raises:
        BuildError: a row cannot be carried out.
        UnreadableError: a resource cannot be read at the moment.
    """
    reading = _Reading(library, dict(subject.resources))
    for row in plan.related:
        environment = subject.environment(plan.version)
        try:
            found = await reading.related(row, subject.focus, environment)
        except fhirpath.FhirPathError as error:
            raise BuildError(f"related {row.name}", error.problem) from error
        subject = replace(subject, related={**subject.related, row.name: found}, resources=reading.known)
    return subject


class _Reading:
    """Reads each resource once.

    Attributes:
        known: by reference.
    """

    def __init__(self, library: Library, known: dict[str, Json]) -> None:
        self._library = library
        self.known = known

    async def related(self, row: RelatedPlan, focus: Json, environment: fhirpath.Environment) -> list[Json]:
        if row.reference is None:
            return await self._searched(row, focus, environment)
        found = await self._read(_references(row.reference(focus, environment)))
        added = found
        for _ in range(_FARTHEST if row.onward is not None else 0):
            onward = row.onward
            if not added or onward is None:
                break
            references = [each for resource in added for each in _references(onward(resource, environment))]
            ids = {(each["resourceType"], each.get("id")) for each in found}
            added = [each for each in await self._read(references) if (each["resourceType"], each.get("id")) not in ids]
            found = [*found, *added]
        return found

    async def _searched(self, row: RelatedPlan, focus: Json, environment: fhirpath.Environment) -> list[Json]:
        query = ""
        for text, path in row.search:
            if path is None:
                query += text
                continue
            values = path(focus, environment)
            if not values:
                return []
            query += quote(str(values[0]), safe="/")
        found = await self._library.search(query)
        self.known.update({f"{each['resourceType']}/{each['id']}": each for each in found})
        return found

    async def _read(self, references: Sequence[str]) -> list[Json]:
        wanted = list(dict.fromkeys(references))
        new = [each for each in wanted if each not in self.known]
        read = (self._library.read(each.partition("/_history/")[0]) for each in new)
        for reference, resource in zip(new, await asyncio.gather(*read), strict=True):
            if resource is not None:
                self.known[reference] = resource
        return [self.known[each] for each in wanted if each in self.known]


def _references(found: Sequence[Any]) -> list[str]:
    """Return the references among *found* that this server may have; contained ones are in the resource itself."""
    texts = [each.get("reference") if isinstance(each, dict) else each for each in found]
    return [text for text in texts if isinstance(text, str) and "#" not in text and "://" not in text]
