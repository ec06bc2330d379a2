"""The definitions that one tenant has, beside those of R4 itself, as checking asks for them.

Checking never waits: what is not in memory yet raises ``NotAtHandError``, and whoever runs the check fetches it and
runs the check again (:mod:`fhir_api.interactions.consulting`).

Spec: https://hl7.org/fhir/R4/references.html#canonical
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final, Self, TypeVar, cast

from fhir_api.packages.library import Definition, Library, NotAtHandError
from fhir_api.packages.versions import VersionOrder, version_order

T = TypeVar("T")

MOST_ABSENT: Final = 10_000
"""How many canonicals that lead nowhere are remembered: clients choose them."""
_STAND_INS = frozenset({"not-present", "fragment", "example"})
"""``CodeSystem.content`` where R4 has no more than a part of a code system."""


class TenantLibrary:
    """Definitions by canonical; never changed, only added to: when a definition changes, another library is begun.

    What R4 defines is found first, so that nobody changes the meaning of the standard; a version of it that R4 does not
    have, and code systems that R4 has only in part, are the tenant's.
    """

    def __init__(self, core: Library) -> None:
        self._core = core
        self._known: dict[tuple[str, str], tuple[Definition, ...]] = {}
        self._absent = 0
        self._made: dict[Hashable, Any] = {}

    def find(self, resource_type: str, canonical: str) -> Definition | None:
        """Return a definition, None if there is none; of several versions the newest, unless the canonical says which.

        A version may be the beginning of one: ``1.2`` is the newest of those that start with ``1.2.``.

        Raises:
            NotAtHandError: the tenant may have it.
        """
        own = self._core.find(resource_type, canonical)
        if own is not None and own.get("content") not in _STAND_INS:
            return own
        url, _, version = canonical.partition("|")
        known = self._known.get((resource_type, url))
        if known is None:
            raise NotAtHandError(resource_type, canonical)
        if not version:
            return known[0] if known else own
        exact = next((each for each in known if each.get("version") == version), None)
        return exact or next((each for each in known if str(each.get("version")).startswith(f"{version}.")), own)

    def is_known(self, resource_type: str, canonical: str) -> bool:
        """Tell whether :meth:`find` answers without raising."""
        url = canonical.partition("|")[0]
        return (resource_type, url) in self._known or self._core.find(resource_type, canonical) is not None

    def learn(self, resource_type: str, url: str, definitions: Iterable[Definition]) -> None:
        """Take in all versions the tenant has of a definition; none is an answer as well."""
        known = tuple(sorted(definitions, key=_order, reverse=True))
        self._absent += not known
        if self._absent > MOST_ABSENT:
            self._known = {key: versions for key, versions in self._known.items() if versions}
            self._absent = 0
        self._known[resource_type, url] = known

    def made(self, make: Callable[[Self], T]) -> T:
        """Return what *make* makes of this library, made once: what is compiled lives as long as its definitions."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast("T", self._made[make])


def _order(definition: Definition) -> tuple[bool, VersionOrder, str]:
    """Sort definitions of one URL: what is retired comes before all others, then by version and date."""
    date = definition.get("date")
    return (
        definition.get("status") != "retired",
        version_order(str(definition.get("version", ""))),
        date if isinstance(date, str) else "",
    )
