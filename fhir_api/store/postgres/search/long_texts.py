"""Texts longer than what the index holds of them: the resources that have one are read, and their texts compared.

A row of its own marks each resource with such a text. They are few, so looking at all of them costs little.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import orjson

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.search.clause_trees import value_clauses, with_values
from fhir_api.search.entries import CompositeEntry, StringEntry
from fhir_api.search.extract.partial import partial_extractor
from fhir_api.search.folding import fold
from fhir_api.search.query import (
    AllClause,
    AnyClause,
    Clause,
    CompositeValue,
    IdClause,
    Parameter,
    StringValue,
    TypeClause,
    Value,
    ValueClause,
)
from fhir_api.search.types.values import matches
from fhir_api.store.postgres.bodies import unpack
from fhir_api.store.postgres.encode import FOLDED_LENGTH, long_key
from fhir_api.store.postgres.session import Fetch, fenced
from fhir_api.store.postgres.writes import Indexing

MOST_LONG: Final = 5000
"""So many resources with long texts are looked at for one parameter."""
_AT_ONCE: Final = 100

_MARKED = fenced(
    "x.fhir_id, x.body",
    "SELECT r.fhir_id, r.body FROM fhir.string s JOIN fhir.resource r ON r.tenant_id = c.tenant AND r.rid = s.rid "
    f"WHERE s.tenant_id = c.tenant AND s.param = ANY($2::integer[]) LIMIT {MOST_LONG + 1}",
)

Candidates = list[tuple[str, list[StringEntry | CompositeEntry]]]
"""Logical ids, and the entries of one parameter."""


async def comparing_long_texts(fetch: Fetch, clauses: Sequence[Clause], indexing: Indexing) -> tuple[Clause, ...]:
    """Return *clauses* with the ids of the resources whose long texts match, where the index cannot tell them.

    Raises:
        FhirError: TOO_COSTLY where too many have long texts.
    """
    asked = {clause.parameter for clause in value_clauses(clauses) if _asks(clause, indexing)}
    if not asked:
        return tuple(clauses)
    found = {parameter: await _candidates(fetch, parameter, indexing) for parameter in asked}

    def changed(clause: ValueClause) -> Clause:
        return _compared(clause, found[clause.parameter]) if _asks(clause, indexing) else clause

    return tuple(with_values(clause, changed) for clause in clauses)


def _asks(clause: ValueClause, indexing: Indexing) -> bool:
    """Tell whether the index does not tell all that matches *clause*, or tells too much.

    Contained resources and the parameters of tenants are compared by what the index holds.
    """
    parameter = clause.parameter
    if parameter.type not in {"string", "composite"}:
        return False
    if indexing.definitions.parameter(parameter.resource_type, parameter.code) != parameter:
        return False
    return clause.modifier in {"contains", "word"} or any(map(_is_long, clause.values))


def _is_long(value: Value) -> bool:
    match value:
        case StringValue(text):
            return len(text) > FOLDED_LENGTH and len(fold(text)) > FOLDED_LENGTH
        case CompositeValue(components):
            return any(map(_is_long, components))
        case _:
            return False


async def _candidates(fetch: Fetch, parameter: Parameter, indexing: Indexing) -> Candidates:
    rows = await fetch(_MARKED, [long_key(number) for number in parameter.numbers])
    if len(rows) > MOST_LONG:
        message = f"More than {MOST_LONG} resources have texts for '{parameter.code}' that are too long for the index."
        raise refuse(ErrorKind.TOO_COSTLY, message)
    extractor = partial_extractor((parameter,), indexing.zone)
    found: Candidates = []
    for number, row in enumerate(rows):
        if number % _AT_ONCE == 0:
            # other requests have their turn
            await asyncio.sleep(0)
        entries = extractor.extract_tree(parameter.resource_type, orjson.loads(unpack(row["body"])))
        found.append((row["fhir_id"], [*entries.strings, *entries.composites]))
    return found


def _compared(clause: ValueClause, candidates: Candidates) -> Clause:
    """Return *clause* with the ids of those *candidates* that match; what is too long for the index is left out."""
    short = tuple(value for value in clause.values if not _is_long(value))
    ids = tuple(
        logical_id
        for logical_id, entries in candidates
        if any(matches(entry, value, clause.modifier) for entry in entries for value in clause.values)
    )
    by_id = AllClause((TypeClause(clause.parameter.resource_type), IdClause(ids)))
    if not short:
        return by_id
    indexed = ValueClause(clause.parameter, clause.modifier, short)
    return AnyClause((indexed, by_id)) if ids else indexed
