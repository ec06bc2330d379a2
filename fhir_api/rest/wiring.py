"""What the REST layer is wired to, handed to every route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import NamedTuple, Protocol

from fhir_api.interactions.context import Context
from fhir_api.rest.cursors import TenantCursors
from fhir_api.rest.request import Pair, Request
from fhir_api.rest.response import Response
from fhir_api.search.code_sets import CodeSets
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.parse import ParsedQuery


class ParseSearch(Protocol):
    """Reads search parameters."""

    def __call__(
        self,
        resource_type: str | None,
        pairs: Sequence[Pair],
        *,
        compartment: tuple[str, str] | None,
        lenient: bool,
        codes: CodeSets | None = None,
        definitions: SearchDefinitions | None = None,
        base_url: str = "",
        zone: tzinfo | None = None,
        contained_types: Sequence[str] | None = None,
    ) -> ParsedQuery:
        """Return the search; *resource_type* None is every type, *compartment* such as ``("Patient", "1")``.

        The parameters are R4's, or those of *definitions*. References below *base_url*, as the client sees it, are
        this server's own. Dates without a zone are of *zone*; None: of the installation's. *contained_types* are those
        that are contained somewhere, for a search of every type that looks at contained resources.

        Raises:
            NotAtHandError: a definition that *codes* needs has to be fetched first.
            FhirError: NOT_SUPPORTED or MALFORMED, naming the parameter.
        """


class Describe(Protocol):
    """Gives the CapabilityStatement."""

    def __call__(self, base_url: str, search: SearchDefinitions | None = None, *, tenant: int) -> bytes:
        """Return that of *tenant* as JSON, with R4's search parameters or those of *search*."""


class Route(NamedTuple):
    """One line of the REST surface.

    Attributes:
        method: HTTP verb; GET answers HEAD as well.
        path: below the base: ``/{type}/{id}/_history``.
        interaction: its code in http://hl7.org/fhir/restful-interaction, or a name of the same kind.
        handler: carries it out.
        takes: what the body is, see :mod:`fhir_api.rest.body`; None where there is none.
    """

    method: str
    path: str
    interaction: str
    handler: Handler
    takes: str | None = None


class Node:
    """One place in the tree of paths: the routes that end here, and the places below.

    Attributes:
        routes: by method.
        literals: places below by the segment's text.
        of_type: the place below for the name of a resource type.
        of_id: the place below for a logical id or version id.
    """

    __slots__ = ("literals", "of_id", "of_type", "routes")

    def __init__(self) -> None:
        """Make an empty place."""
        self.routes: dict[str, Route] = {}
        self.literals: dict[str, Node] = {}
        self.of_type: Node | None = None
        self.of_id: Node | None = None


@dataclass(frozen=True, slots=True)
class Api:
    """The REST layer's fixed parts.

    Attributes:
        root: the tree of routes.
        resource_types: every type this server knows.
        parse_search: from parameters to a query.
        cursors: sign and open page cursors.
        describe: the CapabilityStatement.
        slow_search: milliseconds from which on a search is logged; 0 for never.
        explains_searches: whether the plans of searches are shown.
    """

    root: Node
    resource_types: frozenset[str]
    parse_search: ParseSearch
    cursors: TenantCursors
    describe: Describe
    slow_search: int = 0
    explains_searches: bool = False


Handler = Callable[[Api, Context, Request], Awaitable[Response]]
"""Carries out one interaction."""
