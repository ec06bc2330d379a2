"""Resources stored here that a check asks for: what references lead to.

Checking never waits: what is not in memory yet is taken as good and noted, all of it is fetched at once, and the check
runs again.

Spec: https://hl7.org/fhir/R4/references.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import orjson

from conformance.types import resource_types
from fhir_api.interactions.consulting import Consultation
from fhir_api.interactions.library import TenantLibrary
from fhir_api.model.keys import ResourceKey
from fhir_api.model.references import parse_restful
from fhir_api.store.port import Reader

T = TypeVar("T")
MOST: Final = 500
"""Resources that one check may lead to; what references to more of them lead to is left open."""
_ROUNDS: Final = 8
"""How far references of targets, which profiles may follow, are followed."""
_TYPES: Final = frozenset(resource_types())


class Targets:
    """What references of one resource lead to on this server.

    Attributes:
        is_whole: whether all that was asked for could be fetched; else some of it was taken as good.
    """

    def __init__(self, base_url: str) -> None:
        """Know nothing yet; *base_url* is that of this server, without a trailing slash."""
        self.is_whole = True
        self._base_url = base_url
        self._found: dict[ResourceKey, dict[str, Any] | None] = {}
        self._wanted: dict[ResourceKey, None] = {}

    async def settle(self, reader: Reader, consultation: Consultation, check: Callable[[TenantLibrary], T]) -> T:
        """Return what *check* gives once all resources it asks for are at hand; it may run several times.

        Raises:
            FhirError: TOO_COSTLY when it asks for more and more definitions.
        """
        for _ in range(_ROUNDS):
            outcome = await consultation.settle(check)
            if not self._wanted:
                return outcome
            await self._fetch(reader)
        self.is_whole = False
        return outcome

    def resolve(self, reference: str) -> dict[str, Any] | None:
        """Return the current version of what a literal reference leads to here, None where that is nothing."""
        restful = parse_restful(reference)
        if restful is None or restful.base not in (None, self._base_url) or restful.key.resource_type not in _TYPES:
            return None
        self._want(restful.key)
        return self._found.get(restful.key)

    def exists(self, key: ResourceKey) -> bool:
        """Tell whether a resource is stored here; what is not at hand yet counts as stored."""
        self._want(key)
        return self._found.get(key, key) is not None

    def _want(self, key: ResourceKey) -> None:
        if key in self._found:
            return
        if len(self._found) + len(self._wanted) < MOST:
            self._wanted[key] = None
        elif key not in self._wanted:
            self.is_whole = False

    async def _fetch(self, reader: Reader) -> None:
        keys = list(self._wanted)
        self._wanted.clear()
        versions = await reader.currents(keys)
        for key in keys:
            version = versions.get(key)
            is_there = version is not None and not version.is_deletion
            self._found[key] = orjson.loads(version.resource()) if version is not None and is_there else None
