"""From request parameters to a query.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from urllib.parse import parse_qsl

from msgspec import Struct
from msgspec.structs import replace

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.outcome import Issue
from fhir_api.search.clauses import ClauseReader
from fhir_api.search.code_sets import CodeSets
from fhir_api.search.contained import check_containable, within_containers
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.includes import parse_include
from fhir_api.search.query import NOTHING, Clause, Query, Total
from fhir_api.search.refusals import IgnorableError, bad_value, shown, unknown_type, unsupported
from fhir_api.search.results import (
    RESULT_PARAMETERS,
    parse_contained,
    parse_contained_type,
    parse_count,
    parse_elements,
    parse_score,
    parse_sort,
    parse_summary,
    parse_total,
)
from fhir_api.search.types.reading import Reading

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_ONCE = frozenset({"_count", "_total", "_summary", "_type", "_contained", "_containedType", "_score"})


class ParsedQuery(Struct, frozen=True):
    """What was understood.

    Attributes:
        query: the search.
        used: the parameters that went into it, in the order given, for the self link.
        issues: a warning for each parameter that was left out (only when lenient).
        contained: ``true`` where contained resources are matches by themselves, ``both`` where others are, too.
        inside: what has to hold for those of each type.
        is_scored: matches say how well they fit.
    """

    query: Query
    used: tuple[tuple[str, str], ...]
    issues: tuple[Issue, ...] = ()
    contained: str = "false"
    inside: Mapping[str, tuple[Clause, ...]] = {}
    is_scored: bool = False


def parse_query(
    definitions: SearchDefinitions,
    resource_types: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    zone: tzinfo = UTC,
    default_count: int = 20,
    max_count: int = 1000,
    base_url: str = "",
    codes: CodeSets | None = None,
    full_text: bool = True,
    contained_types: Sequence[str] | None = None,
) -> ParsedQuery:
    """Read the parameters of a search.

    Args:
        definitions: the parameters there are.
        resource_types: the types searched; empty for every type (``_type`` then narrows it).
        pairs: names and values, percent-decoded, without ``_format``, ``_pretty`` and paging parameters.
        lenient: leave out unknown parameters with a warning instead of refusing the search.
        zone: of dates without one.
        default_count: entries a page holds when ``_count`` is not given.
        max_count: most entries a page may hold.
        base_url: of this server, without a trailing slash.
        codes: for modifiers such as ``:in``; see :func:`~fhir_api.search.code_sets.asks_for_codes`.
        full_text: whether ``_content`` and ``_text`` can be answered.
        contained_types: the types that are contained somewhere, where ``_contained`` is asked of every type.

    Raises:
        NotAtHandError: a definition that *codes* needs has to be fetched first.
        FhirError: NOT_SUPPORTED for an unknown parameter or modifier (naming near ones), MALFORMED for a value that
            cannot be read, or a parameter given twice that can be given once.
    """
    _refuse_unreadable(pairs)
    _refuse_repeated(pairs)
    narrowed, searched = _searched_types(definitions, resource_types, pairs)
    reader = _QueryReader(
        definitions,
        searched,
        ClauseReader(definitions, Reading(zone, base_url, codes, full_text), _patients(pairs)),
        max_count,
        Query(narrowed, count=default_count),
        tuple(contained_types or ()),
    )
    used: list[tuple[str, str]] = []
    issues: list[Issue] = []
    for name, value in pairs:
        if not value:
            # "Empty parameters are not an error - they are just ignored": https://hl7.org/fhir/R4/search.html#errors
            continue
        try:
            used.append((name, reader.read(name, value)))
        except IgnorableError as refusal:
            if not lenient:
                raise
            issues.append(refusal.warning)
    query, inside = reader.finish()
    return ParsedQuery(query, tuple(used), tuple(issues), reader.shown_apart, inside, reader.is_scored)


def criteria(
    definitions: SearchDefinitions,
    resource_type: str,
    query: str,
    *,
    zone: tzinfo = UTC,
    base_url: str = "",
    full_text: bool = True,
) -> tuple[Clause, ...]:
    """Read the criteria of a conditional interaction: ``identifier=http://x|1``, perhaps behind the type and ``?``.

    Raises:
        FhirError: as :func:`parse_query`; MALFORMED also when there are none.
    """
    reader = ClauseReader(definitions, Reading(zone, base_url, full_text=full_text))
    clauses: list[Clause] = []
    for start in (f"{base_url}/{resource_type}?", f"{resource_type}?", "?"):
        query = query.removeprefix(start)
    pairs = parse_qsl(query, keep_blank_values=True)
    _refuse_unreadable(pairs)
    for name, value in pairs:
        if name.partition(":")[0] in RESULT_PARAMETERS:
            raise refuse(ErrorKind.MALFORMED, f"{shown(name)} is not a search criterion.")
        clauses.extend(reader.clauses((resource_type,), name, value))
    if not clauses:
        raise refuse(ErrorKind.MALFORMED, "A conditional interaction needs at least one search criterion.")
    return tuple(clauses)


@dataclass(slots=True)
class _QueryReader:
    """Takes parameter after parameter into the query."""

    definitions: SearchDefinitions
    searched: Sequence[str]
    clause_reader: ClauseReader
    max_count: int
    query: Query
    contained_types: tuple[str, ...]
    clauses: list[Clause] = field(default_factory=list)
    criteria: list[tuple[str, str]] = field(default_factory=list)
    contained: str = "false"
    contained_type: str = "container"
    is_scored: bool = False

    def read(self, name: str, value: str) -> str:
        """Take one parameter in and return its value as it was used."""
        code = name.partition(":")[0]
        if code == "_type":
            return value
        if code not in RESULT_PARAMETERS:
            self.clauses.extend(self.clause_reader.clauses(self.searched, name, value))
            self.criteria.append((name, value))
            return value
        if code in {"_include", "_revinclude"}:
            found = parse_include(self.definitions, self.searched, name, value)
            self.query = replace(self.query, includes=(*self.query.includes, *found))
            return value
        return self._result_parameter(name, value)

    def _result_parameter(self, name: str, value: str) -> str:
        match name:
            case "_sort":
                # "can repeat for inner sort orders": https://hl7.org/fhir/R4/search.html#table
                keys = parse_sort(self.definitions, self.searched, value)
                self.query = replace(self.query, sort=(*self.query.sort, *keys))
            case "_count":
                self.query = replace(self.query, count=parse_count(value, self.max_count))
                return str(self.query.count)
            case "_total":
                self.query = replace(self.query, total=parse_total(value))
            case "_summary":
                self.query = replace(self.query, summary=parse_summary(value))
            case "_elements":
                self.query = replace(self.query, elements=(*self.query.elements, *parse_elements(value)))
            case "_score":
                self.is_scored = parse_score(value)
            case "_contained":
                self.contained = parse_contained(value)
            case "_containedType":
                self.contained_type = parse_contained_type(value)
            case _:
                raise unsupported(name)
        return value

    @property
    def shown_apart(self) -> str:
        """``_contained`` where ``_containedType`` asks for the contained resources themselves, else ``false``."""
        return self.contained if self.contained_type == "contained" else "false"

    def finish(self) -> tuple[Query, Mapping[str, tuple[Clause, ...]]]:
        """Return the query, and what has to hold for contained resources; a count alone asks for an accurate total."""
        query, inside = replace(self.query, clauses=tuple(self.clauses)), dict[str, tuple[Clause, ...]]()
        if self.contained != "false":
            types = query.resource_types or self.contained_types
            check_containable(types)
            inside = {resource_type: self._inside(resource_type) for resource_type in types}
            query = query if self.shown_apart != "false" else within_containers(query, self.contained, inside)
        if query.summary == "text" and query.includes:
            raise bad_value("_summary", "another value than 'text' beside '_include' and '_revinclude'")
        if query.summary == "count":
            query = replace(query, count=0)
        if query.count == 0 and query.total is Total.NONE:
            query = replace(query, total=Total.ACCURATE)
        return query, inside

    def _inside(self, resource_type: str) -> tuple[Clause, ...]:
        """Return the criteria of the search as they are of one type; nothing outside points at what is contained."""
        if any(name.startswith("_has:") for name, _ in self.criteria):
            return (NOTHING,)
        read = self.clause_reader.clauses
        return tuple(clause for name, value in self.criteria for clause in read((resource_type,), name, value))


def _patients(pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(value for name, value in pairs if name in {"patient", "patient:Patient"} and value)


def _refuse_unreadable(pairs: Sequence[tuple[str, str]]) -> None:
    """Refuse characters that no resource can contain: NUL, and halves of surrogate pairs."""
    if any(_NO_TEXT.search(text) for pair in pairs for text in pair):
        raise refuse(ErrorKind.MALFORMED, "A search parameter contains a character that is not allowed in text.")


def _refuse_repeated(pairs: Sequence[tuple[str, str]]) -> None:
    names = [name for name, _ in pairs if name in _ONCE]
    for name in names:
        if names.count(name) > 1:
            raise refuse(ErrorKind.MALFORMED, f"Search parameter '{name}' is given more than once.")


def _searched_types(
    definitions: SearchDefinitions, resource_types: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> tuple[tuple[str, ...], Sequence[str]]:
    """Return the types for the query (empty for every type), and the types whose parameters may be used."""
    named = next((value.split(",") for name, value in pairs if name == "_type" and value), None)
    if named is not None:
        for name in named:
            if name not in definitions.resource_types:
                raise unknown_type(name, definitions.resource_types)
        if resource_types:
            if set(named) != set(resource_types):
                raise bad_value("_type", f"the type searched, {', '.join(resource_types)}")
        else:
            resource_types = tuple(dict.fromkeys(named))
    return tuple(resource_types), tuple(resource_types) or sorted(definitions.resource_types)
