"""Consents: what a patient says about who may see their record, read into provisions.

A consent's base policy (``policyRule`` opting out, or a root provision that denies) withholds all that the root says;
nested provisions are exceptions, and theirs again.

Spec: https://hl7.org/fhir/R4/consent.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from math import inf
from typing import Any, Final, NamedTuple

from fhir_api.model.dates import interval
from fhir_api.model.references import RestfulReference, parse_restful

PRIVACY: Final = "patient-privacy"
"""The scope of consents that are about who may see a record."""
DEEPEST: Final = 8
"""Levels of nested provisions that are read, each about twice the work of the one above."""
MOST: Final = 100
"""Provisions of one consent that are read."""

_OPTING_OUT: Final = frozenset({"OPTOUT", "OPTOUTE"})
_KNOWN: Final = frozenset(
    {"type", "period", "actor", "action", "securityLabel", "purpose", "class", "code", "data", "provision", "id"}
)
_ACCESS: Final = "access"


class Coding(NamedTuple):
    """A code that is looked for; *system* is None for any, *code* empty where none is told."""

    system: str | None
    code: str


class Actor(NamedTuple):
    """Whom a provision names: codes of their role, and a reference, which may be empty."""

    roles: frozenset[str]
    reference: str


class Instance(NamedTuple):
    """A resource that a provision names; *meaning* is ``instance | related | dependents | authoredby``."""

    meaning: str
    reference: str


@dataclass(frozen=True, slots=True)
class Provision:
    """A rule of a consent, or an exception from one.

    Attributes:
        denies: whether what matches is withheld; else it is given.
        actors, purposes: whom and what for it is about; empty for anybody and anything.
        low, high: milliseconds between which it is in force.
        classes: what kinds of content it is about; empty for all.
        codes, labels: codes and security labels of resources it is about; empty for any.
        instances: the resources it is about; empty for any.
        is_whole: whether it says nothing beyond this.
        exceptions: what is nested in it.
    """

    denies: bool
    actors: tuple[Actor, ...] = ()
    purposes: tuple[str, ...] = ()
    low: float = -inf
    high: float = inf
    classes: tuple[Coding, ...] = ()
    codes: tuple[Coding, ...] = ()
    labels: tuple[Coding, ...] = ()
    instances: tuple[Instance, ...] = ()
    is_whole: bool = True
    exceptions: tuple[Provision, ...] = ()


EVERYTHING_WITHHELD: Final = Provision(denies=True)


@dataclass(frozen=True, slots=True)
class Consent:
    """What one patient consents to.

    Attributes:
        patient: logical id.
        root: what is withheld.
    """

    patient: str
    root: Provision


def read_consent(tree: Mapping[str, Any], zone: tzinfo = UTC) -> Consent | None:
    """Return what a Consent says; None where it withholds nothing, is not in force, or names no patient of this server.

    *zone* is that of dates without one.
    """
    patient = _here((tree.get("patient") or {}).get("reference") or "")
    is_private = any(coding.code == PRIVACY for coding in _codings((tree.get("scope"),)))
    if tree.get("status") != "active" or not is_private or patient is None or patient.key.resource_type != "Patient":
        return None
    root = _root(tree, zone)
    return Consent(patient.key.logical_id, root) if _denies_anything(root) else None


def _here(text: str) -> RestfulReference | None:
    found = parse_restful(text)
    return found if found is not None and found.base is None else None


def _root(tree: Mapping[str, Any], zone: tzinfo) -> Provision:
    said = tree.get("provision") or {}
    if _counted(said, 1) > MOST:
        return EVERYTHING_WITHHELD
    root = _provision(said, zone, "permit", 1)
    opts_out = any(coding.code in _OPTING_OUT for coding in _codings((tree.get("policyRule"),)))
    if not opts_out or root.denies:
        return root
    return Provision(denies=True, exceptions=(root,)) if "type" in said else replace(root, denies=True)


def _counted(tree: Mapping[str, Any], level: int) -> int:
    """Return how many provisions there are in one, itself with them; many more than may be where they are too deep."""
    if level > DEEPEST:
        return MOST + 1
    return 1 + sum(_counted(each, level + 1) for each in tree.get("provision", ()))


def _denies_anything(provision: Provision) -> bool:
    return provision.denies or any(map(_denies_anything, provision.exceptions))


def _provision(tree: Mapping[str, Any], zone: tzinfo, implied: str, level: int) -> Provision:
    """Return a provision; *implied* is its type where it states none."""
    period = _period(tree.get("period") or {}, zone)
    low, high = period or (-inf, inf)
    return Provision(
        denies=tree.get("type", implied) == "deny",
        actors=tuple(_actors(tree.get("actor", ()))),
        purposes=tuple(coding.get("code", "") for coding in tree.get("purpose", ())),
        low=low,
        high=high,
        classes=tuple(_coding(each) for each in tree.get("class", ())),
        codes=tuple(_codings(tree.get("code", ()))),
        labels=tuple(_coding(each) for each in tree.get("securityLabel", ())),
        instances=tuple(_instances(tree.get("data", ()))),
        is_whole=tree.keys() <= _KNOWN and period is not None and _is_about_access(tree.get("action", ())),
        # R4 wants a type in all nested ones; without it the exception is the one that gives less
        exceptions=tuple(_provision(each, zone, "deny", level + 1) for each in tree.get("provision", ())),
    )


def _is_about_access(actions: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether access is among what a provision is about; it is where nothing is named."""
    named = {coding.code for coding in _codings(actions)}
    return not named or _ACCESS in named


def _actors(actors: Iterable[Mapping[str, Any]]) -> Iterator[Actor]:
    for each in actors:
        roles = frozenset(coding.code for coding in _codings((each.get("role"),)))
        yield Actor(roles, (each.get("reference") or {}).get("reference", ""))


def _instances(found: Iterable[Mapping[str, Any]]) -> Iterator[Instance]:
    for each in found:
        yield Instance(each.get("meaning", ""), (each.get("reference") or {}).get("reference", ""))


def _codings(concepts: Iterable[Mapping[str, Any] | None]) -> Iterator[Coding]:
    """Yield the codings of concepts, and an empty one for each concept that has none."""
    for concept in concepts:
        if concept is not None:
            yield from [_coding(each) for each in concept.get("coding", ())] or (Coding(None, ""),)


def _coding(tree: Mapping[str, Any]) -> Coding:
    return Coding(tree.get("system"), tree.get("code", ""))


def _period(tree: Mapping[str, Any], zone: tzinfo) -> tuple[float, float] | None:
    """Return from when to when a period lasts, in milliseconds; None where that cannot be told."""
    try:
        low = interval(tree["start"], zone).low if "start" in tree else -inf
        high = interval(tree["end"], zone).high if "end" in tree else inf
    except (ValueError, OverflowError):
        return None
    return low, high
