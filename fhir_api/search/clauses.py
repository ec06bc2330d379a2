"""From one ``name=value`` of a search to clauses: chains, ``_has``, ``_filter``, what every type has.

Spec: https://hl7.org/fhir/R4/search.html#modifiers
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import is_logical_id
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.filter.meaning import meaning
from fhir_api.search.filter.syntax import And, Comparison, Expression, Not, Or, Step
from fhir_api.search.filter.syntax import parse as parse_filter
from fhir_api.search.lists import CURRENT, DRUGS
from fhir_api.search.query import (
    AllClause,
    AnyClause,
    ChainClause,
    Clause,
    HasClause,
    IdClause,
    LastUpdatedClause,
    MissingClause,
    NotClause,
    Parameter,
    TypeClause,
    ValueClause,
)
from fhir_api.search.refusals import (
    IgnorableError,
    bad_value,
    shown,
    unknown_parameter,
    unknown_type,
    unsupported,
    unsupported_modifier,
)
from fhir_api.search.types import date
from fhir_api.search.types.escapes import split, unescape
from fhir_api.search.types.reading import Reading
from fhir_api.search.value_clauses import ValueReader, is_missing, may_target, together
from fhir_api.search.words import FULL_TEXT, words_clause

UNAVAILABLE = ("_query",)
"""Parameters of the specification that are not here."""

MOST_STEPS = 2000
"""How many types the parts of one chain may reach in all; each hop multiplies them."""

DEEPEST = 16
"""How many references one chain may follow."""

_HAS_PARTS = 4
_LAST_UPDATED = Parameter("Resource", "_lastUpdated", "date", 0, "Resource.meta.lastUpdated", "")


@dataclass(slots=True)
class ClauseReader:
    """Reads search criteria.

    Attributes:
        definitions: the parameters there are.
        reading: what the meaning of values depends on.
        patients: values of the search's own ``patient``, for lists that have a function for each patient.
    """

    definitions: SearchDefinitions
    reading: Reading
    patients: tuple[str, ...] = ()
    _values: ValueReader = field(init=False)
    _steps: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._values = ValueReader(self.definitions, self.reading)

    def clauses(self, resource_types: Sequence[str], name: str, value: str) -> tuple[Clause, ...]:
        """Return clauses that together mean ``name=value`` in a search over *resource_types* (at least one).

        Raises:
            FhirError: the parameter, modifier or value is not understood.
        """
        if name.count(".") + name.count("_has:") > DEEPEST:
            raise refuse(ErrorKind.TOO_COSTLY, f"{shown(name)} is a chain of more than {DEEPEST} references.")
        self._steps = 0
        if name.startswith("_has:"):
            # it means the same for each type that can be pointed at so, and no other type has a match
            _, reference, _ = self._reversed(name)
            resource_types = [each for each in resource_types if may_target(reference, each)][:1] or resource_types
        found = [self.typed(resource_type, name, value) for resource_type in resource_types]
        if len(found) == 1 or all(clauses == found[0] for clauses in found):
            return found[0]
        if name == "_filter" or name in FULL_TEXT:
            # what is denied of one type must not hold for the others because they are none
            typed = zip(resource_types, found, strict=True)
            return (AnyClause(tuple(AllClause((TypeClause(each), *clauses)) for each, clauses in typed)),)
        if all(_excludes(clause) for clauses in found for clause in clauses):
            return tuple(clause for clauses in found for clause in clauses)
        return (AnyClause(tuple(together(clauses) for clauses in found)),)

    def typed(self, resource_type: str, name: str, value: str) -> tuple[Clause, ...]:
        """Return clauses that together mean ``name=value`` in a search over one type; see :meth:`clauses`."""
        self._count_step(name)
        if not value:
            raise refuse(ErrorKind.MALFORMED, f"Search parameter {shown(name)} has no value.", code="value")
        if name.startswith("_has:"):
            return (self._has(resource_type, name, value),)
        head, dot, rest = name.partition(".")
        code, colon, modifier = head.partition(":")
        if dot:
            only = modifier if colon else None
            return (self._chain(resource_type, code, only, rest, lambda target: self._one(target, rest, value)),)
        if code in {"_id", "_lastUpdated"}:
            return (self._of_itself(code, modifier if colon else None, value),)
        if name == "_filter":
            expressed = self._expressed(resource_type, parse_filter(value))
            return expressed.clauses if isinstance(expressed, AllClause) else (expressed,)
        if code in FULL_TEXT:
            if colon:
                raise unsupported_modifier(code, modifier, ("no modifier",))
            if not self.reading.full_text:
                raise unsupported(code, " The setting 'full_text_search' is off.")
            return (words_clause(resource_type, code, [unescape(text) for text in split(value, ",")]),)
        if name == "_list":
            return (self._listed(resource_type, value),)
        return self._values.clauses(self._parameter(resource_type, code), modifier if colon else None, value)

    def _count_step(self, name: str) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise refuse(
                ErrorKind.TOO_COSTLY, f"{shown(name)} reaches too many types; name them, as in 'subject:Patient'."
            )

    def _parameter(self, resource_type: str, code: str) -> Parameter:
        parameter = self.definitions.parameter(resource_type, code)
        if parameter is None:
            if code in UNAVAILABLE:
                raise unsupported(code)
            known = ("_id", "_lastUpdated", *self.definitions.parameters(resource_type))
            raise unknown_parameter(resource_type, code, known)
        return parameter

    def _of_itself(self, code: str, modifier: str | None, value: str) -> Clause:
        """Return the clause about the id or the last update, which every resource has."""
        if modifier == "missing":
            return AnyClause(()) if is_missing(code, value) else AllClause(())
        if code == "_lastUpdated" and modifier is None:
            return self._last_updated(value)
        if code == "_id" and modifier in {None, "not"}:
            return NotClause(_ids(value)) if modifier else _ids(value)
        raise unsupported_modifier(code, modifier or "", ("missing", "not") if code == "_id" else ("missing",))

    def _last_updated(self, value: str) -> LastUpdatedClause:
        return LastUpdatedClause(tuple(date.parse(_LAST_UPDATED, text, self.reading) for text in split(value, ",")))

    def _chain(
        self, resource_type: str, code: str, only: str | None, rest: str, inner: Callable[[str], Clause]
    ) -> Clause:
        """Return the chain over *code*, whose targets satisfy what *inner* gives for their type.

        *rest* is what follows, by which targets that do not have it are left out.
        """
        parameter = self._reference(resource_type, code)
        if only is not None and not may_target(parameter, only):
            raise unsupported_modifier(code, only, parameter.targets)
        targets: list[tuple[str, Clause]] = []
        possible = (only,) if only is not None else self._having(self._targets(parameter), rest)
        refusals: list[FhirError] = []
        for target in possible:
            try:
                targets.append((target, inner(target)))
            except FhirError as error:
                if error.kind is ErrorKind.TOO_COSTLY:
                    raise
                refusals.append(error)  # what one target type does not understand may be sense to another
        if not targets:
            raise max(refusals, key=_helpfulness)
        return ChainClause(parameter, tuple(targets))

    def _has(self, resource_type: str, name: str, value: str) -> Clause:
        source_type, parameter, rest = self._reversed(name)
        if not may_target(parameter, resource_type):
            expected = f"a reference parameter that can point at {resource_type}"
            raise bad_value(f"_has:{source_type}:{parameter.code}", expected)
        return HasClause(source_type, parameter, self._one(source_type, rest, value))

    def _reversed(self, name: str) -> tuple[str, Parameter, str]:
        """Return the type, the reference parameter and what follows in ``_has:Type:reference:parameter``."""
        parts = name.split(":", _HAS_PARTS - 1)
        if len(parts) != _HAS_PARTS or not all(parts):
            raise refuse(ErrorKind.MALFORMED, "'_has' is written '_has:Type:reference:parameter=value'.")
        _, source_type, code, rest = parts
        if source_type not in self.definitions.resource_types:
            raise unknown_type(source_type, self.definitions.resource_types)
        return source_type, self._reference(source_type, code), rest

    def _listed(self, resource_type: str, value: str) -> Clause:
        """Return the clause that a List with one of the ids, or of the functions, has the resource for an item.

        Spec: https://hl7.org/fhir/R4/search.html#list
        """
        values = split(value, ",")
        lists: list[Clause] = [self._current(resource_type, each) for each in values if each in CURRENT]
        if ids := [each for each in values if each not in CURRENT]:
            lists.append(self._items(_ids(",".join(ids), "_list")))
        return lists[0] if len(lists) == 1 else AnyClause(tuple(lists))

    def _current(self, resource_type: str, function: str) -> Clause:
        """Return the clause that a current list with *function*, of the patient searched for, has the resource."""
        told = [("status", "current"), ("code", ",".join(CURRENT[function]))]
        told += [("patient", patient) for patient in self.patients]
        listed = self._items(AllClause(tuple(self._one("List", name, value) for name, value in told)))
        drugs, kind, code, value = DRUGS
        if function != drugs:
            return listed
        return AllClause((listed, self._one(kind, code, value))) if resource_type == kind else AnyClause(())

    def _items(self, of_list: Clause) -> HasClause:
        return HasClause("List", self._parameter("List", "item"), of_list)

    def _expressed(self, resource_type: str, expression: Expression) -> Clause:
        """Return what a filter says of resources of one type."""
        match expression:
            case And(members):
                return AllClause(tuple(self._expressed(resource_type, member) for member in members))
            case Or(members):
                return AnyClause(tuple(self._expressed(resource_type, member) for member in members))
            case Not(inner):
                return NotClause(self._expressed(resource_type, inner))
            case Comparison(path):
                return self._compared(resource_type, expression, path)

    def _compared(self, resource_type: str, comparison: Comparison, path: Sequence[Step]) -> Clause:
        self._count_step("_filter")
        step, *behind = path
        code, colon, only = step.name.partition(":")
        if not behind:
            if code in {"_id", "_lastUpdated"}:
                return self._of_every_type(code, comparison)
            return meaning(self._parameter(resource_type, code), comparison, self.reading, self._modified)

        def inner(target: str) -> Clause:
            found = self._compared(target, comparison, behind)
            return found if step.where is None else AllClause((self._expressed(target, step.where), found))

        return self._chain(resource_type, code, only if colon else None, behind[0].name, inner)

    def _of_every_type(self, code: str, comparison: Comparison) -> Clause:
        negated = comparison.operator == "ne"
        if code == "_lastUpdated":
            return self._last_updated(comparison.operator + comparison.value)
        if comparison.operator not in {"eq", "ne"}:
            raise bad_value(code, f"'eq' or 'ne', not '{comparison.operator}'")
        return NotClause(_ids(comparison.value)) if negated else _ids(comparison.value)

    def _modified(self, parameter: Parameter, modifier: str | None, value: str) -> Clause:
        return together(self._values.clauses(parameter, modifier, value))

    def _one(self, resource_type: str, name: str, value: str) -> Clause:
        return together(self.typed(resource_type, name, value))

    def _reference(self, resource_type: str, code: str) -> Parameter:
        parameter = self._parameter(resource_type, code)
        if parameter.type != "reference":
            raise refuse(
                ErrorKind.MALFORMED,
                f"Search parameter '{code}' of {resource_type} is not a reference: nothing can be chained to it.",
            )
        return parameter

    def _having(self, resource_types: Sequence[str], rest: str) -> Sequence[str]:
        """Return those of *resource_types* that have the parameter *rest* starts with; all, if none has."""
        code = rest.partition(".")[0].partition(":")[0]
        if code in {"_id", "_lastUpdated", "_has"}:
            return resource_types
        return [name for name in resource_types if code in self.definitions.parameters(name)] or resource_types

    def _targets(self, parameter: Parameter) -> Sequence[str]:
        if parameter.targets and "Resource" not in parameter.targets:
            return parameter.targets
        return sorted(self.definitions.resource_types)


def _ids(value: str, name: str = "_id") -> IdClause:
    ids = tuple(unescape(text) for text in split(value, ","))
    if not all(map(is_logical_id, ids)):
        raise bad_value(name, "logical ids (letters, digits, '-' and '.', 64 at most)")
    return IdClause(ids)


def _helpfulness(refusal: FhirError) -> int:
    """Rank the refusals of a chain's target types: a bad value says more than a name that the type does not have."""
    if isinstance(refusal, IgnorableError):
        return 1 if refusal.suggests else 0
    return 2


def _excludes(clause: Clause) -> bool:
    """Tell whether a clause asks for the absence of something, so that all types have to fulfil it."""
    if isinstance(clause, MissingClause):
        return clause.missing
    return isinstance(clause, ValueClause) and clause.modifier == "not"
