"""What everything that works with definitions asks: the resource that a canonical names.

Spec: https://hl7.org/fhir/R4/references.html#canonical
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

Definition: TypeAlias = Mapping[str, Any]
"""A conformance resource as parsed JSON; shared, so never changed."""


class NotAtHandError(LookupError):
    """A definition exists, or may exist, but has to be fetched first.

    Whoever can wait catches it, fetches the definition and asks again: checking itself never waits.

    Attributes:
        resource_type: such as ``StructureDefinition``.
        canonical: as it was asked for.
    """

    def __init__(self, resource_type: str, canonical: str) -> None:
        super().__init__(f"{resource_type} {canonical}")
        self.resource_type = resource_type
        self.canonical = canonical


class Library(Protocol):
    """Conformance resources by canonical."""

    def find(self, resource_type: str, canonical: str) -> Definition | None:
        """Return a definition, None if there is none.

        Args:
            resource_type: ``StructureDefinition | ValueSet | CodeSystem | SearchParameter`` and the like.
            canonical: URL, with ``|version`` where one version is meant; without it the newest one is given.

        Raises:
            NotAtHandError: it has to be fetched first.
        """
