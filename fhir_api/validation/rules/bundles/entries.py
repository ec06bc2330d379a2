"""Which entry of a Bundle a reference points at.

Spec: https://hl7.org/fhir/R4/bundle.html#references
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from fhir_api.model.references import parse_restful
from fhir_api.validation.references import RESOURCE_TYPES

_URNS: Final = ("urn:uuid:", "urn:oid:")


class Entry(NamedTuple):
    """One entry that has a resource.

    Attributes:
        number: its place in ``Bundle.entry``.
        full_url: None where it has none.
        resource: parsed JSON.
    """

    number: int
    full_url: str | None
    resource: Any

    @property
    def version_id(self) -> str | None:
        """``meta.versionId``."""
        found: str | None = self.resource.get("meta", {}).get("versionId")
        return found

    @property
    def key(self) -> str:
        """``Type/id``; ``Type/None`` where there is no id."""
        return f"{self.resource['resourceType']}/{self.resource.get('id')}"


class Entries:
    """The entries of a Bundle that have a resource.

    Attributes:
        bundle_type: ``Bundle.type``.
        all: in the order of the Bundle.
    """

    def __init__(self, bundle: Any) -> None:
        self.bundle_type: str = bundle.get("type", "")
        self.all = tuple(_entries(bundle))
        self._by_url: dict[str, list[Entry]] = defaultdict(list)
        self._by_key: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.all:
            if entry.full_url is not None:
                self._by_url[entry.full_url].append(entry)
            self._by_key[entry.key].append(entry)

    def matches(self, literal: str, base: str | None) -> list[Entry]:
        """Return the entries a reference points at, by its absolute URL.

        Args:
            literal: the reference.
            base: ``fullUrl`` of the entry that holds it.
        """
        wanted, version_id = _without_version(absolute(literal, base))
        found = self._by_url.get(wanted, [])
        return found if version_id is None else [entry for entry in found if entry.version_id == version_id]

    def likenesses(self, literal: str) -> list[Entry]:
        """Return the entries with the type and id that a RESTful reference names, whatever their ``fullUrl``."""
        restful = parse_restful(literal)
        if restful is None:
            return []
        return self._by_key.get(f"{restful.key.resource_type}/{restful.key.logical_id}", [])

    def other_type(self, literal: str) -> str | None:
        """Return the type of the entry whose urn has the id of a RESTful reference, where that names another type."""
        restful = parse_restful(literal)
        found = [] if restful is None else self._by_url.get(f"urn:uuid:{restful.key.logical_id}", [])
        types = {entry.resource["resourceType"] for entry in found}
        return None if restful is None or restful.key.resource_type in types else next(iter(types), None)


def absolute(literal: str, base: str | None) -> str:
    """Return the URL that a reference means in an entry with the ``fullUrl`` *base*.

    Beside a RESTful URL a relative reference means the same server. Beside a urn it stays as it is, and points nowhere
    by rule.
    """
    literal = literal.partition("#")[0]
    if parse_restful(literal) is None or ":" in literal or base is None:
        return literal
    restful = parse_restful(base)
    if restful is None or restful.base is None or restful.key.resource_type not in RESOURCE_TYPES:
        return literal
    return f"{restful.base}/{literal}"


def is_urn(literal: str) -> bool:
    """Tell whether a reference can only be resolved inside its Bundle."""
    return literal.startswith(_URNS)


def _entries(bundle: Any) -> Iterator[Entry]:
    for index, entry in enumerate(bundle.get("entry", ())):
        if "resource" in entry:
            yield Entry(index, entry.get("fullUrl"), entry["resource"])


def _without_version(url: str) -> tuple[str, str | None]:
    head, found, version_id = url.partition("/_history/")
    return head, version_id if found else None
