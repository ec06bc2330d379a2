"""What every interaction works with: one tenant's store and the compiled rules of FHIR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

from msgspec import Struct

from fhir_api.access.access import Access
from fhir_api.access.caller import Caller
from fhir_api.interactions.claims import Claims
from fhir_api.interactions.consulting import TenantDefinitions
from fhir_api.interactions.parameters import TenantParameters
from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource
from fhir_api.model.versions import StoredVersion
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.entries import IndexEntries
from fhir_api.search.query import Clause
from fhir_api.store.port import TenantStore


class Rules(Protocol):
    """The FHIR definitions, compiled once for each process."""

    @property
    def search(self) -> SearchDefinitions:
        """The search parameters."""

    @property
    def zone(self) -> tzinfo:
        """The zone of dates that have none."""

    def is_resource_type(self, name: str) -> bool:
        """Tell whether *name* is a resource type of R4 that instances can have."""

    def check(self, resource: Resource) -> Sequence[Issue]:
        """Return what is wrong with the resource's structure; empty when it is sound."""

    def extract(self, resource: Resource) -> IndexEntries:
        """Return what the resource puts into the search index."""

    def criteria(
        self, resource_type: str, query: str, definitions: SearchDefinitions | None = None, base_url: str = ""
    ) -> tuple[Clause, ...]:
        """Parse conditional criteria such as ``identifier=http://x|1``, by R4's parameters or by *definitions*.

        References below *base_url* are this server's own.

        Raises:
            FhirError: a parameter is unknown, has no value, or is not a search parameter (``_sort`` and the like).
        """


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one request.

    Attributes:
        bundle_bytes: largest batch or transaction.
        conditional_delete: most resources one conditional delete removes.
    """

    bundle_bytes: int = 64 * 1024 * 1024
    conditional_delete: int = 1000


@dataclass(frozen=True, slots=True)
class Assessing:
    """What ``$validate`` makes of what it does not find.

    Attributes:
        references: of references to resources that are not stored here: ``off | warn | error``.
        extensions: of extensions whose definition is not known, where the URL says that there is one: ``warn | error``.
    """

    references: str = "off"
    extensions: str = "error"


class Context(Struct, frozen=True):
    """One request's world; a new one is made for every request that goes on record.

    Attributes:
        store: the tenant's store.
        rules: compiled definitions.
        base_url: the FHIR base as clients see it, without a trailing slash; links back to it are stored relative.
        limits: bounds on this request.
        check_structure: off only for bulk loads that the operator has declared.
        definitions: the tenant's own definitions; None where there is nothing but R4 itself.
        claims: how declared profiles are checked; None where they are not.
        assessing: what ``$validate`` makes of what it does not find.
        parameters: the tenant's own search parameters; None where there are none but R4's.
        caller: who calls; *store* shows what they may reach and nothing else.
        access: the decisions about the caller; None where nothing is limited.
    """

    store: TenantStore
    rules: Rules
    base_url: str
    limits: Limits = Limits()
    check_structure: bool = True
    definitions: TenantDefinitions | None = None
    claims: Claims | None = None
    assessing: Assessing = Assessing()
    parameters: TenantParameters | None = None
    caller: Caller = Caller.unlimited(1)
    access: Access | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What an interaction that writes gives back.

    Attributes:
        version: what is current now (for a conditional create that found a match: that match).
        status: 200, 201 or 204.
        issues: remarks for the client, such as a delete that found nothing.
    """

    version: StoredVersion | None
    status: int
    issues: tuple[Issue, ...] = ()
