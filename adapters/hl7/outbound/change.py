"""One committed version of a resource, with what is read of it no more than once."""

from __future__ import annotations

from adapters.hl7.outbound.building import Json
from adapters.hl7.outbound.related import Library
from fhir_api.model import exact_json
from fhir_api.model.dates import interval
from fhir_api.model.versions import Change, StoredVersion


class ChangedVersion:
    """A version, and the one before.

    Attributes:
        key: of the resource: ``Encounter/1``.
        resource_type: its type.
        number: of the version.
        interaction: what made it: ``create``, ``update`` or ``delete``.
        at: when, milliseconds since 1970.
    """

    def __init__(
        self, key: str, number: int, interaction: str, at: int, library: Library, resource: Json | None = None
    ) -> None:
        """Name a version; *resource* is None for a deletion."""
        self.key = key
        self.resource_type = key.partition("/")[0]
        self.number = number
        self.interaction = interaction
        self.at = at
        self._library = library
        self._resource = resource
        self._previous: Json | None = None
        self._has_read = False

    @classmethod
    def of(cls, version: StoredVersion, library: Library) -> ChangedVersion:
        """Return a version of the change log."""
        if version.is_deletion:
            interaction, resource = "delete", None
        else:
            is_first = version.version_id == 1 or version.change is Change.CREATE
            interaction, resource = "create" if is_first else "update", exact_json.read(version.resource())
        return cls(str(version.key), version.version_id, interaction, version.last_updated, library, resource)

    @classmethod
    async def again(cls, key: str, number: int, at: int, library: Library) -> ChangedVersion:
        """Return a version as the server gives it now; one that it does not give was a deletion, at the time *at*."""
        resource = await library.read(f"{key}/_history/{number}")
        if resource is None:
            return cls(key, number, "delete", at, library)
        moment = interval(resource["meta"]["lastUpdated"])
        return cls(key, number, "create" if number == 1 else "update", moment.low, library, resource)

    @property
    def reference(self) -> str:
        """What names the version."""
        return f"{self.key}/_history/{self.number}"

    @property
    def reference_before(self) -> str:
        """What names the version before; there may be none."""
        return f"{self.key}/_history/{self.number - 1}"

    async def focus(self) -> Json | None:
        """Return the resource; of a deletion what it was before."""
        return await self.previous() if self.interaction == "delete" else self._resource

    async def shown(self) -> Json | None:
        """Return the same as the server shows it to the destination; None where it is withheld."""
        if self.interaction == "delete":
            return await self.previous()
        return await self._library.read(self.reference)

    async def previous(self) -> Json | None:
        """Return the version before as the destination may see it; None for the first, and behind a deletion."""
        if self.interaction == "create":
            return None
        if not self._has_read:
            self._previous = await self._library.read(self.reference_before)
            self._has_read = True
        return self._previous
