"""What a search asks of the trail, as far as the trail has terms for it; the rest is looked at record by record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from stanforis.audit.looking import LAST
from stanforis.audit.terms import USUAL, Kind, Said

from fhir_api.access.telling import TRAIL
from fhir_api.search.query import (
    AllClause,
    AnyClause,
    Clause,
    DateValue,
    Prefix,
    ReferenceValue,
    TokenValue,
    ValueClause,
    VisibleClause,
)

_BY_REFERENCE = frozenset({"patient", "entity", "agent", "target"})
_BY_CODE = {"action": Kind.ACTION, "outcome": Kind.OUTCOME}
_WEIGHTS = {Kind.PATIENT: 0, Kind.ENTITY: 0, Kind.SUBJECT: 1, Kind.USER: 1, Kind.EMERGENCY: 1, Kind.CLIENT: 2}
_DATES = frozenset({"date", "recorded"})
_FROM = frozenset({Prefix.GE, Prefix.GT, Prefix.SA, Prefix.EQ, Prefix.AP})
_UNTIL = frozenset({Prefix.LE, Prefix.LT, Prefix.EB, Prefix.EQ, Prefix.AP})


def best_of(clauses: Iterable[Clause]) -> frozenset[Said] | None:
    """Return what a record says at least one of, if all *clauses* hold; None where no term is sure."""
    found = [said for clause in clauses if (said := said_of(clause)) is not None and USUAL.isdisjoint(said)]
    # one patient or resource leads to few records, a person to more, a kind of action to many
    return min(found, key=lambda said: (max(map(_weight, said), default=0), len(said)), default=None)


def said_of(clause: Clause) -> frozenset[Said] | None:
    """Return what a record says at least one of, if *clause* holds; None where the terms do not tell."""
    match clause:
        case ValueClause():
            return _of_value(clause)
        case AnyClause(clauses=clauses):
            each = [said_of(inner) for inner in clauses]
            return None if None in each else frozenset().union(*(said for said in each if said))
        case AllClause(clauses=clauses):
            return best_of(clauses)
        case VisibleClause(clause=inner):
            return said_of(inner)
        case _:
            return None


def span(clauses: Iterable[Clause]) -> tuple[int, int]:
    """Return between which instants records can be for which all *clauses* hold (milliseconds, the end is out)."""
    low, high = 0, LAST
    for value in _dates(clauses):
        if value.prefix in _FROM:
            low = max(low, value.low)
        if value.prefix in _UNTIL:
            high = min(high, value.high)
    return low, max(low, high)


def _dates(clauses: Iterable[Clause]) -> Iterator[DateValue]:
    for clause in clauses:
        if isinstance(clause, AllClause):
            yield from _dates(clause.clauses)
        elif isinstance(clause, ValueClause) and clause.parameter.code in _DATES and len(clause.values) == 1:
            (value,) = clause.values
            if clause.modifier is None and isinstance(value, DateValue):
                yield value


def _of_value(clause: ValueClause) -> frozenset[Said] | None:
    code = clause.parameter.code
    found: list[Said] = []
    for value in clause.values:
        if code in _BY_REFERENCE and isinstance(value, ReferenceValue) and clause.modifier in {None, "identifier"}:
            found += _named(code, value.candidates)
        elif code == "agent" and isinstance(value, TokenValue) and value.code and clause.modifier == "identifier":
            found += [(kind, value.code) for kind in (Kind.SUBJECT, Kind.CLIENT, Kind.RECIPIENT)]
        elif code in _BY_CODE and isinstance(value, TokenValue) and value.code and clause.modifier is None:
            found.append((_BY_CODE[code], value.code))
        else:
            return None
    return frozenset(found)


def _named(code: str, candidates: Sequence[str]) -> Iterator[Said]:
    for candidate in candidates:
        resource_type, _, logical_id = candidate.partition("/")
        if code != "agent" and resource_type == "Patient":
            yield Kind.PATIENT, logical_id
        if code in {"agent", "patient"}:
            yield Kind.USER, candidate
        if code in {"entity", "target"}:
            yield Kind.ENTITY, candidate


def shown_ids(ids: Iterable[str]) -> Iterator[str]:
    """Yield the places of those of *ids* that are of the trail."""
    return (each.removeprefix(TRAIL) for each in ids if each.startswith(TRAIL))


def _weight(said: Said) -> int:
    return _WEIGHTS.get(said[0], 3)
