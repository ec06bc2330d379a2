"""Clauses with others inside, from end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from fhir_api.search.query import AllClause, AnyClause, ChainClause, Clause, HasClause, NotClause, ValueClause


def value_clauses(clauses: Iterable[Clause]) -> Iterator[ValueClause]:
    """Yield the clauses on values, those inside others too."""
    for clause in clauses:
        match clause:
            case ValueClause():
                yield clause
            case ChainClause(_, targets):
                yield from value_clauses(inner for _, inner in targets)
            case HasClause(_, _, inner) | NotClause(inner):
                yield from value_clauses((inner,))
            case AnyClause(members) | AllClause(members):
                yield from value_clauses(members)
            case _:
                pass


def with_values(clause: Clause, changed: Callable[[ValueClause], Clause]) -> Clause:
    """Return *clause* with what *changed* gives in place of each clause on values."""
    match clause:
        case ValueClause():
            return changed(clause)
        case ChainClause(_, targets):
            return replace(clause, targets=tuple((name, with_values(inner, changed)) for name, inner in targets))
        case HasClause(_, _, inner) | NotClause(inner):
            return replace(clause, clause=with_values(inner, changed))
        case AnyClause(members) | AllClause(members):
            return replace(clause, clauses=tuple(with_values(member, changed) for member in members))
        case _:
            return clause
