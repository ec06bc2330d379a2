"""The consents of a tenant, compiled into what has to hold for a resource that nobody withholds.

What a provision asks of the reader is decided here, what it asks of the resource becomes a clause. An exception that
gives has to match surely; what withholds has to match only maybe: where something cannot be told, more is withheld.

Spec: https://hl7.org/fhir/R4/consent.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from math import inf
from typing import Final

from fhir_api.access.caller import Caller
from fhir_api.access.clauses import every, never, some
from fhir_api.access.compartments import SHARED, Centres, belonging
from fhir_api.access.consent_content import content
from fhir_api.access.consent_readers import Answer, concerns
from fhir_api.access.consents import Consent, Provision
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import EVERYTHING, NOTHING, Clause

_UNFILTERED: Final = frozenset({"Consent"})
"""Types that no consent withholds: else nobody could look after the consents themselves."""


class ConsentsInForce:
    """The consents of a tenant at one time; implements :class:`fhir_api.access.decision.Consents`.

    Attributes:
        until: milliseconds when a period begins or ends, so that this has to be made anew.
    """

    def __init__(self, consents: Iterable[Consent], definitions: SearchDefinitions, now: float) -> None:
        """Compile *consents* as they are in force at *now*, milliseconds since 1970."""
        self._definitions = definitions
        self._now = now
        # nearly all consents of a country say one of a few things
        alike: dict[Provision, set[str]] = {}
        for consent in consents:
            alike.setdefault(consent.root, set()).add(consent.patient)
        self._alike = tuple((root, frozenset(patients)) for root, patients in alike.items())
        self._centres = cache(self._centres_of)
        self._belonging = cache(self._belonging_to)
        bounds = (bound for root, _ in self._alike for bound in _bounds(root) if bound > now)
        self.until = min(bounds, default=inf)

    def narrowing(self, caller: Caller, resource_type: str) -> Clause:
        """Return what holds for the resources of a type that no consent withholds from *caller*."""
        if resource_type in SHARED or resource_type in _UNFILTERED:
            return EVERYTHING
        # several may come to the same for one caller
        groups: dict[Clause, list[int]] = {}
        for number, (root, _) in enumerate(self._alike):
            withheld, _ = self._judged(root, caller, resource_type)
            if withheld != NOTHING:
                groups.setdefault(withheld, []).append(number)
        return every(
            never(every((self._of(tuple(numbers), caller, resource_type), withheld)))
            for withheld, numbers in groups.items()
        )

    def _of(self, numbers: tuple[int, ...], caller: Caller, resource_type: str) -> Clause:
        """Return what holds for resources of the patients of some consents who are not the caller."""
        own = (caller.fhir_user or "").removeprefix("Patient/")
        if not any(own in self._alike[number][1] for number in numbers):
            return self._belonging(numbers, resource_type)
        others = self._patients(numbers) - {own}
        return belonging(self._definitions, _patients(others), resource_type) if others else NOTHING

    def _belonging_to(self, numbers: tuple[int, ...], resource_type: str) -> Clause:
        return belonging(self._definitions, self._centres(numbers), resource_type)

    def _centres_of(self, numbers: tuple[int, ...]) -> Centres:
        # one for all types: what a store works out of thousands of patients it does once
        return _patients(self._patients(numbers))

    def _patients(self, numbers: Iterable[int]) -> frozenset[str]:
        return frozenset[str]().union(*(self._alike[number][1] for number in numbers))

    def _judged(self, provision: Provision, caller: Caller, resource_type: str) -> tuple[Clause, Clause]:
        """Return what holds for the resources that a provision withholds, and for those it gives."""
        answer = concerns(provision, caller, self._now)
        if answer is Answer.NO:
            return NOTHING, NOTHING
        sure, maybe = content(self._definitions, provision, resource_type)
        judged = [self._judged(each, caller, resource_type) for each in provision.exceptions]
        withheld = some(each for each, _ in judged)
        if provision.denies:
            # of exceptions that contradict each other the one that withholds counts
            given = every((some(each for _, each in judged), never(withheld)))
            return every((maybe, never(given))), NOTHING
        given = every((sure, never(withheld))) if answer is Answer.YES else NOTHING
        return every((maybe, withheld)), given


def _patients(ids: Iterable[str]) -> Centres:
    return Centres.of("Patient", sorted(ids))


def _bounds(provision: Provision) -> Iterator[float]:
    yield from (bound for bound in (provision.low, provision.high) if abs(bound) != inf)
    for each in provision.exceptions:
        yield from _bounds(each)
