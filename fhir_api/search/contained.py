"""Contained resources: what they put into the index of their container, and searches that look at them.

The entries of a contained resource stand with those of its container, under keys of their own: one for each parameter
and position of the contained resource among those of its type. So several criteria meet in one contained resource, and
nothing is found by them unless it is asked for.

Spec: https://hl7.org/fhir/R4/search.html#contained
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from msgspec.structs import replace

from fhir_api.search.entries import IndexEntries, TokenEntry, WordsEntry, parameter_key
from fhir_api.search.query import (
    EVERYTHING,
    NOTHING,
    AllClause,
    AnyClause,
    ChainClause,
    Clause,
    HasClause,
    IdClause,
    MissingClause,
    NotClause,
    Parameter,
    Query,
    TokenValue,
    TypeClause,
    ValueClause,
    VisibleClause,
    WordsValue,
)
from fhir_api.search.refusals import unsupported

POSITIONS: Final = 8
"""How many contained resources of one type are told apart; those beyond count as one with the last."""

MOST_TYPES: Final = 20
"""How many types of contained resources one search may look for."""

PRESENT: Final = "_present"
"""The code of what tells that a resource contains one of a type, and which of its parameters have a value."""

_LISTS: Final = (
    "tokens", "identifiers", "references", "dates", "strings", "numbers", "quantities", "uris", "composites", "texts",
)  # fmt: skip

Extract = Callable[[str, dict[str, Any]], IndexEntries]
Codes = Callable[[str], Mapping[int, str]]
"""Gives the code of each parameter key of a type."""


@cache
def contained_key(position: int, key: int) -> int:
    """Return the key under which a parameter of a contained resource is indexed."""
    return parameter_key(f"#{position}", str(key))


@cache
def link_key(reference: int) -> int:
    """Return the key of the positions that a reference parameter points at."""
    return parameter_key("#", str(reference))


def add_contained(entries: IndexEntries, contained: Sequence[dict[str, Any]], extract: Extract, codes: Codes) -> None:
    """Add to the *entries* of a resource those of what it contains, which may refer to each other."""
    numbers: Counter[str] = Counter()
    places: dict[str, str] = {}
    for inner in contained:
        resource_type = inner["resourceType"]
        position = min(numbers[resource_type], POSITIONS - 1)
        numbers[resource_type] += 1
        if logical_id := inner.get("id"):
            places[f"#{logical_id}"] = f"{position}#{resource_type}"
        beside = extract(resource_type, {**inner, "contained": contained})
        _add(entries, beside, inner, position, codes(resource_type))
    for reference in list(entries.references):
        if (place := places.get(reference.target)) is not None:
            entries.tokens.append(TokenEntry(link_key(reference.parameter), None, place))
            entries.gathered.add(link_key(reference.parameter))


def _add(
    entries: IndexEntries, found: IndexEntries, inner: dict[str, Any], position: int, codes: Mapping[int, str]
) -> None:
    """Add the entries *found* in *inner*, and what a row of its own would tell: its type, its id, what is present."""
    present: set[int] = set()
    for name in _LISTS:
        mine, theirs = getattr(entries, name), getattr(found, name)
        present.update(entry.parameter for entry in theirs)
        mine += [entry._replace(parameter=contained_key(position, entry.parameter)) for entry in theirs]
    # the id is not among them: it may be another one each time, and so would be the set
    entries.gathered.update(contained_key(position, entry.parameter) for entry in found.tokens)
    moved = {contained_key(position, key): (contained_key(position, part), only)
             for key, (part, only) in found.shared.items()}  # fmt: skip
    entries.shared = {**entries.shared, **moved}
    resource_type = inner["resourceType"]
    values = frozenset([resource_type, *(codes[key] for key in present if key in codes)])
    mark = _mark(resource_type, position, PRESENT)
    entries.words.append(WordsEntry(mark.key, values))
    entries.gathered.add(mark.key)
    if logical_id := inner.get("id"):
        entries.tokens.append(TokenEntry(_mark(resource_type, position, "_id").key, None, logical_id))


def _mark(resource_type: str, position: int, mark: str) -> Parameter:
    key = contained_key(position, parameter_key(resource_type, mark))
    return Parameter(resource_type, mark, "token", key, "", "", is_gathered=mark == PRESENT)


def _present(resource_type: str, position: int, value: str) -> Clause:
    """Return the clause that a parameter has a value in what is contained, or that it is there at all, by its type."""
    return ValueClause(_mark(resource_type, position, PRESENT), "words", (WordsValue((value,)),))


def container_clause(resource_type: str, clauses: Sequence[Clause]) -> Clause:
    """Return the clause that a resource contains one of *resource_type* for which all *clauses* hold."""
    return AnyClause(tuple(contained_at(resource_type, position, clauses) for position in range(POSITIONS)))


def marks(resource_types: Iterable[str]) -> tuple[Parameter, ...]:
    """Return what has a value in some resource for each of the types that one contains."""
    return tuple(_mark(resource_type, 0, PRESENT) for resource_type in resource_types)


def check_containable(resource_types: Sequence[str]) -> None:
    """Check that not too many types are asked for at once.

    Raises:
        FhirError: NOT_SUPPORTED for very many types.
    """
    if len(resource_types) > MOST_TYPES:
        raise unsupported("_contained", f" It looks for {MOST_TYPES} types at most: name them with '_type'.")


def within_containers(query: Query, contained: str, inside: Mapping[str, Sequence[Clause]]) -> Query:
    """Return *query* as ``_contained`` wants it: ``true`` or ``both``; the containers are what it finds.

    *inside* are its clauses for each type of contained resources.
    """
    ways = [container_clause(resource_type, clauses) for resource_type, clauses in inside.items()]
    if contained == "both":
        types = AnyClause(tuple(TypeClause(resource_type) for resource_type in query.resource_types))
        ways.insert(0, AllClause((types, *query.clauses) if query.resource_types else query.clauses))
    return replace(query, resource_types=(), clauses=(AnyClause(tuple(ways)),))


def contained_at(resource_type: str, position: int, clauses: Sequence[Clause]) -> Clause:
    """Return the clause that the contained resource of a type at *position* is there and *clauses* hold for it."""
    inside = (_moved(clause, resource_type, position) for clause in clauses)
    return AllClause((_present(resource_type, position, resource_type), *inside))


def _moved(clause: Clause, resource_type: str, position: int) -> Clause:
    """Return what *clause* means for a contained resource, as a clause about its container."""

    def moved(parameter: Parameter) -> Parameter:
        parts = tuple(contained_key(position, part) for part in parameter.parts)
        later = None if parameter.later is None else contained_key(position, parameter.later)
        is_gathered = parameter.type == "token" and not parameter.is_identifier
        key = contained_key(position, parameter.key)
        return replace(parameter, key=key, parts=parts, later=later, is_gathered=is_gathered)

    def each(clauses: Iterable[Clause]) -> tuple[Clause, ...]:
        return tuple(_moved(inner, resource_type, position) for inner in clauses)

    match clause:
        case ValueClause(parameter):
            return replace(clause, parameter=moved(parameter))
        case MissingClause(parameter, missing):
            present = _present(resource_type, position, parameter.code)
            return NotClause(present) if missing else present
        case IdClause(ids):
            tokens = tuple(TokenValue(None, each) for each in ids)
            return ValueClause(_mark(resource_type, position, "_id"), None, tokens)
        case ChainClause(reference):
            return replace(clause, reference=moved(reference))
        case AnyClause(clauses) | AllClause(clauses):
            return replace(clause, clauses=each(clauses))
        case NotClause(inner):
            return NotClause(_moved(inner, resource_type, position))
        case TypeClause(name):
            return EVERYTHING if name == resource_type else NOTHING
        case VisibleClause():
            return EVERYTHING
        case HasClause():
            # nothing outside can point at what is contained
            return NOTHING
        case _:
            return clause


def chained(clause: ChainClause, place: str) -> Clause | None:
    """Return the clause that a chain leads into what is contained at *place*; None if it does not go to such a type.

    A place is what :func:`add_contained` indexes under :func:`link_key`.
    """
    position, _, resource_type = place.partition("#")
    inner = dict(clause.targets).get(resource_type)
    if inner is None:
        return None
    link = replace(
        clause.reference, type="token", key=link_key(clause.reference.key), parts=(), only=None, is_gathered=True
    )
    points = ValueClause(link, None, (TokenValue(None, place),))
    return AllClause((points, contained_at(resource_type, int(position), (inner,))))


def chains(clauses: Iterable[Clause]) -> Iterator[ChainClause]:
    """Yield the chains of *clauses*, those inside others too."""
    for clause in clauses:
        match clause:
            case ChainClause(_, targets):
                yield clause
                yield from chains(inner for _, inner in targets)
            case HasClause(_, _, inner) | NotClause(inner):
                yield from chains((inner,))
            case AnyClause(members) | AllClause(members):
                yield from chains(members)
            case _:
                pass


def with_contained(clause: Clause, places: Mapping[int, Sequence[str]]) -> Clause:
    """Return *clause* with chains that lead into contained resources, too, by the *places* of each link key."""
    match clause:
        case ChainClause(reference, targets):
            inside = (chained(clause, place) for place in places.get(link_key(reference.key), ()))
            outside = replace(clause, targets=tuple((name, with_contained(one, places)) for name, one in targets))
            alternatives = tuple(one for one in inside if one is not None)
            return AnyClause((outside, *alternatives)) if alternatives else outside
        case HasClause(_, _, inner):
            return replace(clause, clause=with_contained(inner, places))
        case NotClause(inner):
            return NotClause(with_contained(inner, places))
        case AnyClause(members):
            return AnyClause(tuple(with_contained(member, places) for member in members))
        case AllClause(members):
            return AllClause(tuple(with_contained(member, places) for member in members))
        case _:
            return clause
