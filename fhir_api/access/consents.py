"""Consents: what patients withhold, compiled into what has to hold for a resource.

A consent's base policy (``policyRule`` opting out, or a root provision that denies) withholds all that the root says;
nested provisions are exceptions, and theirs again. What a provision asks of the reader (actor, purpose, period) is
decided here, what it asks of the resource (class, code, label, instance) becomes a clause. Where something cannot be
told, more is withheld rather than less.

Spec: https://hl7.org/fhir/R4/consent.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Any, Final

from fhir_api.access.caller import Caller
from fhir_api.access.clauses import every, never, some
from fhir_api.access.compartments import SHARED, belonging
from fhir_api.model.dates import interval
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import EVERYTHING, NOTHING, Clause, IdClause, TokenValue, ValueClause

PRIVACY: Final = "patient-privacy"
"""The scope of consents that are about who may see a record."""

_OPTING_OUT: Final = frozenset({"OPTOUT", "OPTOUTE"})
_UNFILTERED: Final = frozenset({"Consent"})
"""Types that no consent withholds: else nobody could look after the consents themselves."""

Coding = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class Provision:
    """A rule of a consent, or an exception from one.

    Attributes:
        denies: whether what matches is withheld; else it is given.
        actors, purposes: whom and what for it is about; empty for anybody and anything.
        low, high: milliseconds between which it is in force.
        classes: resource types it is about; empty for all.
        codes, labels: codes and security labels of resources it is about; empty for any.
        instances: ``Type/id`` of the resources it is about; empty for any.
        is_whole: whether it says nothing beyond this.
        exceptions: what is nested in it.
    """

    denies: bool
    actors: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    low: float = -inf
    high: float = inf
    classes: frozenset[str] = frozenset()
    codes: tuple[Coding, ...] = ()
    labels: tuple[Coding, ...] = ()
    instances: tuple[str, ...] = ()
    is_whole: bool = True
    exceptions: tuple[Provision, ...] = ()


@dataclass(frozen=True, slots=True)
class Consent:
    """What one patient consents to.

    Attributes:
        patient: logical id.
        root: what is withheld.
    """

    patient: str
    root: Provision


def read_consent(tree: Mapping[str, Any]) -> Consent | None:
    """Return what a Consent says; None where it withholds nothing or is not in force."""
    scope = {coding.get("code") for coding in (tree.get("scope") or {}).get("coding", ())}
    patient = ((tree.get("patient") or {}).get("reference") or "").removeprefix("Patient/")
    if tree.get("status") != "active" or PRIVACY not in scope or not patient or "/" in patient:
        return None
    root = _provision(tree.get("provision") or {})
    rule = {coding.get("code") for coding in (tree.get("policyRule") or {}).get("coding", ())}
    if rule & _OPTING_OUT and not root.denies:
        is_typed = "type" in (tree.get("provision") or {})
        root = Provision(denies=True, exceptions=(root,) if is_typed else root.exceptions)
    return Consent(patient, root) if _denies_anything(root) else None


def _denies_anything(provision: Provision) -> bool:
    return provision.denies or any(map(_denies_anything, provision.exceptions))


_KNOWN: Final = frozenset(
    {"type", "period", "actor", "securityLabel", "purpose", "class", "code", "data", "provision", "id"}
)
"""Elements that are understood; an exception that says more is not made."""


def _provision(tree: Mapping[str, Any]) -> Provision:
    low, high = _period(tree.get("period") or {})
    return Provision(
        denies=tree.get("type") == "deny",
        actors=tuple((actor.get("reference") or {}).get("reference", "") for actor in tree.get("actor", ())),
        purposes=tuple(coding.get("code", "") for coding in tree.get("purpose", ())),
        low=low,
        high=high,
        classes=frozenset(coding.get("code", "") for coding in tree.get("class", ())),
        codes=tuple(_codings(coding for concept in tree.get("code", ()) for coding in concept.get("coding", ()))),
        labels=tuple(_codings(tree.get("securityLabel", ()))),
        instances=tuple((each.get("reference") or {}).get("reference", "") for each in tree.get("data", ())),
        is_whole=tree.keys() <= _KNOWN,
        exceptions=tuple(_provision(each) for each in tree.get("provision", ())),
    )


def _codings(codings: Iterable[Mapping[str, Any]]) -> Iterator[Coding]:
    return ((coding.get("system"), coding.get("code", "")) for coding in codings)


def _period(tree: Mapping[str, Any]) -> tuple[float, float]:
    try:
        low = interval(tree["start"]).low if "start" in tree else -inf
        high = interval(tree["end"]).high if "end" in tree else inf
    except (ValueError, OverflowError):
        return -inf, inf
    return low, high


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
        self._alike = {root: frozenset(patients) for root, patients in alike.items()}
        self._belonging = cache(self._belonging_to)
        bounds = (bound for root in self._alike for bound in _bounds(root) if bound > now)
        self.until = min(bounds, default=inf)

    def narrowing(self, caller: Caller, resource_type: str) -> Clause:
        """Return what holds for the resources of a type that no consent withholds from *caller*."""
        if resource_type in SHARED or resource_type in _UNFILTERED:
            return EVERYTHING
        return every(
            never(every((self._of(patients, caller, resource_type), withheld)))
            for root, patients in self._alike.items()
            if (withheld := self._withheld(root, caller, resource_type)) != NOTHING
        )

    def _belonging_to(self, patients: frozenset[str], resource_type: str) -> Clause:
        return belonging(self._definitions, "Patient", sorted(patients), resource_type)

    def _of(self, patients: frozenset[str], caller: Caller, resource_type: str) -> Clause:
        """Return what holds for resources of those patients who are not the caller."""
        own = (caller.fhir_user or "").removeprefix("Patient/")
        if own not in patients:
            return self._belonging(patients, resource_type)
        others = patients - {own}
        return belonging(self._definitions, "Patient", sorted(others), resource_type) if others else NOTHING

    def _withheld(self, provision: Provision, caller: Caller, resource_type: str) -> Clause:
        """Return what holds for the resources that a provision, if it denies, or its exceptions withhold."""
        if not provision.denies:
            return some(
                self._matched(each, caller, resource_type, denies=True) for each in provision.exceptions if each.denies
            )
        return self._matched(provision, caller, resource_type, denies=True)

    def _matched(self, provision: Provision, caller: Caller, resource_type: str, *, denies: bool) -> Clause:
        """Return what holds for the resources that a provision is about, but for its exceptions."""
        if not self._concerns(provision, caller):
            return NOTHING
        exceptions = some(
            self._matched(each, caller, resource_type, denies=not denies)
            for each in provision.exceptions
            if each.denies is not denies
        )
        return every((self._content(provision, resource_type), never(exceptions)))

    def _concerns(self, provision: Provision, caller: Caller) -> bool:
        """Tell whether a provision is in force and about this caller."""
        if not provision.low <= self._now < provision.high:
            return False
        if not provision.denies and not provision.is_whole:
            return False
        if provision.purposes and (caller.purpose or "TREAT") not in provision.purposes:
            return False
        if not provision.actors:
            return True
        return any(_is_actor(actor, caller, unsure=provision.denies) for actor in provision.actors)

    def _content(self, provision: Provision, resource_type: str) -> Clause:
        if provision.classes and resource_type not in provision.classes:
            return NOTHING
        found: list[Clause] = []
        if provision.codes:
            found.append(self._coded(resource_type, "code", provision.codes))
        if provision.labels:
            found.append(self._coded(resource_type, "_security", provision.labels))
        if provision.instances:
            ids = [each.partition("/")[2] for each in provision.instances if each.startswith(f"{resource_type}/")]
            found.append(IdClause(tuple(ids)) if ids else NOTHING)
        return every(found)

    def _coded(self, resource_type: str, code: str, codings: Sequence[Coding]) -> Clause:
        parameter = self._definitions.parameter(resource_type, code)
        if parameter is None or parameter.type != "token":
            return NOTHING
        values = tuple(TokenValue(system, value, any_system=system is None) for system, value in codings)
        return ValueClause(parameter, None, values)


def _is_actor(actor: str, caller: Caller, *, unsure: bool) -> bool:
    """Tell whether *actor* is the caller; *unsure* is the answer where that cannot be told, as for a group."""
    kind, _, logical_id = actor.partition("/")
    match kind:
        case "Practitioner" | "Patient" | "RelatedPerson" | "Person":
            return actor == caller.fhir_user
        case "Organization":
            return logical_id == caller.organisation
        case "Device":
            return logical_id == caller.device
        case _:
            return unsure


def _bounds(provision: Provision) -> Iterator[float]:
    yield from (bound for bound in (provision.low, provision.high) if abs(bound) != inf)
    for each in provision.exceptions:
        yield from _bounds(each)
