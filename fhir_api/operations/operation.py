"""An operation as it is declared: its definition, what carries it out, and what it gives back.

Spec: https://hl7.org/fhir/R4/operations.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Protocol

from conformance.operations import OperationDefinition, operation_definitions
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.outcome import Issue
from fhir_api.model.versions import StoredVersion
from fhir_api.operations.arguments import Arguments
from fhir_api.store.port import Page

ANY_TYPE = "Resource"
"""What a definition names that holds for every resource type."""


class Level(StrEnum):
    """Where an operation is called."""

    SYSTEM = "system"
    TYPE = "type"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Body:
    """A body that is not a FHIR resource, for operations that take one.

    Attributes:
        media_type: its name, in lower case, without parameters.
        content: its bytes.
    """

    media_type: str
    content: bytes


class Cursors(Protocol):
    """Signs places in lists, for operations whose answers hold cursors."""

    def seal(self, query: bytes, position: bytes) -> str:
        """Return the cursor of *position* in *query*."""

    def open(self, query: bytes, cursor: str) -> bytes:
        """Return the position that *cursor* stands for.

        Raises:
            FhirError: MALFORMED if it was not given out for *query*, or has expired.
        """


class NoCursors:
    """Signs nothing and opens nothing."""

    def seal(self, query: bytes, position: bytes) -> str:
        """Return an empty text."""
        return ""

    def open(self, query: bytes, cursor: str) -> bytes:
        """Refuse every cursor."""
        raise refuse(ErrorKind.MALFORMED, "There are no cursors here.")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation.

    Attributes:
        level: where.
        resource_type: from the URL; empty at system level.
        logical_id: from the URL; empty but at instance level.
        version_id: from the URL, where a version was asked.
        arguments: the parameters, checked against the definition.
        criteria: search parameters, for an operation that searches.
        cursor: where the page starts; None for the first.
        body: of another media type than FHIR's.
        cursors: signs places in what the answer lists.
    """

    level: Level
    resource_type: str = ""
    logical_id: str = ""
    version_id: str = ""
    arguments: Arguments = field(default_factory=Arguments)
    criteria: tuple[tuple[str, str], ...] = ()
    cursor: bytes | None = None
    body: Body | None = None
    cursors: Cursors = field(default_factory=NoCursors)

    @property
    def key(self) -> ResourceKey:
        """The resource that an operation of instance level is about."""
        return ResourceKey(self.resource_type, self.logical_id)


@dataclass(frozen=True, slots=True)
class Answer:
    """One resource, or content of another media type.

    Attributes:
        content: compact JSON of a resource: the one parameter ``return``, or Parameters.
        status: of HTTP.
        stored: the version it is, where the operation stored it; Location then names it.
        media_type: of content that is no FHIR resource.
    """

    content: bytes
    status: int = 200
    stored: StoredVersion | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of resources that goes out as a searchset Bundle with its links.

    Attributes:
        page: what was found.
        issues: remarks for the client.
    """

    page: Page
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What is to be said about a resource in the body: goes out as an OperationOutcome, with status 200.

    Attributes:
        issues: at least one.
        place: where the resource stands in the body; empty where it is the body.
    """

    issues: tuple[Issue, ...]
    place: str = ""


Result = Answer | Listing | Findings
Handler = Callable[[Context, Call], Awaitable[Result]]
"""Carries out one operation."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that this server has.

    Attributes:
        definition: what R4 says about it.
        handler: carries it out.
        levels: where it can be called.
        affects_state: it may change what is stored, so it cannot be called by GET.
        is_search: takes the search parameters of its type beside its own.
        has_versions: can be asked of a historical version too.
        media_types: bodies it takes besides FHIR resources.
    """

    definition: OperationDefinition
    handler: Handler
    levels: frozenset[Level]
    affects_state: bool = False
    is_search: bool = False
    has_versions: bool = False
    media_types: frozenset[str] = frozenset()

    @property
    def code(self) -> str:
        """Its name without ``$``."""
        return self.definition.code

    def is_on(self, resource_type: str) -> bool:
        """Tell whether it can be called on a type."""
        return resource_type in self.definition.resource or ANY_TYPE in self.definition.resource


def declare(
    name: str,
    handler: Handler,
    *,
    affects_state: bool = False,
    is_search: bool = False,
    has_versions: bool = False,
    media_types: frozenset[str] = frozenset(),
    without: frozenset[Level] = frozenset(),
) -> Operation:
    """Return the operation that R4 defines under *name*, such as ``Patient-everything``.

    *without* are levels of the definition that this server does not have; for the rest see :class:`Operation`.

    Raises:
        KeyError: R4 defines no such operation.
    """
    definition = _definitions()[name]
    at = {Level.SYSTEM: definition.system, Level.TYPE: definition.type, Level.INSTANCE: definition.instance}
    levels = frozenset(level for level, has in at.items() if has) - without
    return Operation(definition, handler, levels, affects_state, is_search, has_versions, media_types)


@cache
def _definitions() -> dict[str, OperationDefinition]:
    return {definition.url.rpartition("/")[2]: definition for definition in operation_definitions()}
