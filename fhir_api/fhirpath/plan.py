"""A compiled part of an expression: closures, and what is known beforehand about their results.

Every closure takes ``(this, scope)``: *this* is the item that ``$this`` stands for (None for none), *scope* carries
``$index``, ``$total``, variables and the environment. A plan gives its results as a list (``many``) or, for plans that
are asked for one value, as a value or None (``one``); each form is derived from the other where only one is given.

Results are *boxed* where each says what it is (an ``Item``, a resource, or a System value), else all have the one
FHIR type in ``types`` and are plain JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from fhir_api.fhirpath import model
from fhir_api.fhirpath.errors import FhirPathEvaluationError, Position
from fhir_api.fhirpath.values import Item, conversion, system_value, type_of


class Terminology(Protocol):
    """What ``memberOf``, ``subsumes`` and ``subsumedBy`` ask; None is "cannot be told"."""

    def member_of(self, value_set: str, coded: Any) -> bool | None:
        """Tell whether a code, Coding or CodeableConcept (JSON) is in a value set."""

    def subsumes(self, general: Any, specific: Any) -> bool | None:
        """Tell whether one Coding or CodeableConcept (JSON) is the other or an ancestor of it."""


class Spending(Protocol):
    """Bounds the work of evaluations; see :class:`fhir_api.fhirpath.budget.Budget`."""

    def spend(self, steps: int) -> None:
        """Take some steps.

        Raises:
            FhirPathBudgetError: there are none left.
        """


@dataclass(frozen=True, slots=True)
class Environment:
    """What an evaluation knows besides its input.

    Attributes:
        resource: ``%resource``, the resource that contains the input; None is the input itself.
        root_resource: ``%rootResource``, the container of a contained resource; None is ``%resource``.
        variables: external constants by name, each JSON, a System value or a list of them.
        now: the aware time that ``now()``, ``today()`` and ``timeOfDay()`` give; None is the clock's.
        resolver: gives the resource a reference points to, or None; asked after contained and bundled resources.
        terminology: answers questions about codes.
        conforms_to: tells whether JSON conforms to a profile; None where the profile is not known.
        trace: told the name and the items (as ``Compiled.items`` gives them) of each ``trace()``.
        budget: bounds the work of expressions that are compiled with a bound; None is a new one for each evaluation.
    """

    resource: dict[str, Any] | None = None
    root_resource: dict[str, Any] | None = None
    variables: Mapping[str, Any] | None = None
    now: datetime | None = None
    resolver: Callable[[str], dict[str, Any] | None] | None = None
    terminology: Terminology | None = None
    conforms_to: Callable[[Any, str], bool | None] | None = None
    trace: Callable[[str, list[Any]], None] | None = None
    budget: Spending | None = None


class Scope:
    """What a closure sees besides ``$this``; *memo*, shared by all forks, keeps what is the same for all of them."""

    __slots__ = ("context", "environment", "index", "memo", "resource", "root_resource", "total", "variables")

    def __init__(self, environment: Environment, context: Any, resource: Any, root_resource: Any) -> None:
        self.environment = environment
        self.context = context
        self.resource = resource
        self.root_resource = root_resource
        self.variables: dict[str, list[Any]] = {}
        self.index: int | None = None
        self.total: list[Any] = []
        self.memo: dict[str, Any] = {}

    def now(self) -> datetime:
        """Return the time of the evaluation, the same each time."""
        moment: datetime | None = self.environment.now or self.memo.get("now()")
        if moment is None:
            moment = self.memo["now()"] = datetime.now().astimezone()
        return moment

    def fork(self) -> Scope:
        """Return a scope whose variables can grow without being seen here."""
        child = Scope(self.environment, self.context, self.resource, self.root_resource)
        child.variables = dict(self.variables)
        child.index = self.index
        child.total = self.total
        child.memo = self.memo
        return child

    def at(self, index: int) -> Scope:
        """Return this scope at an ``$index``."""
        child = self.fork()
        child.index = index
        return child


Many = Callable[[Any, Scope], list[Any]]
One = Callable[[Any, Scope], Any]


class ChoiceSource(NamedTuple):
    """Where a choice element was read, so that ``ofType`` can go straight to one JSON property."""

    parent: Plan
    choice: model.Choice


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled part of an expression.

    Attributes:
        many: gives all results.
        one: gives the only result or None, and raises where there are several.
        types: the types a result may have; None is any.
        is_boxed: each result says what it is.
        is_single: there is never more than one result.
        is_ordered: the order of the results is defined.
        choice: set where the results are one choice element.
        literals: the results, where they are known beforehand.
        shared: names the results where they are the same throughout an evaluation.
    """

    many: Many
    one: One
    types: tuple[str, ...] | None
    is_boxed: bool = True
    is_single: bool = False
    is_ordered: bool = True
    choice: ChoiceSource | None = None
    literals: tuple[Any, ...] | None = None
    shared: str | None = None

    @property
    def raw_type(self) -> str | None:
        """The one FHIR type of plain JSON results, None for boxed results."""
        return None if self.is_boxed or self.types is None else self.types[0]


def single(one: One, types: tuple[str, ...] | None, *, is_boxed: bool = True) -> Plan:
    """Return the plan of what has at most one result."""

    def many(this: Any, scope: Scope) -> list[Any]:
        value = one(this, scope)
        return [] if value is None else [value]

    return Plan(many, one, types, is_boxed, is_single=True)


def collection(many: Many, types: tuple[str, ...] | None, position: Position, *, is_boxed: bool = True) -> Plan:
    """Return the plan of what may have several results."""

    def one(this: Any, scope: Scope) -> Any:
        items = many(this, scope)
        if not items:
            return None
        if len(items) > 1:
            raise FhirPathEvaluationError(f"Expected one value, found {len(items)}", position)
        return items[0]

    return Plan(many, one, types, is_boxed)


def constant(values: tuple[Any, ...], types: tuple[str, ...]) -> Plan:
    """Return the plan of literals; of several, only ``many`` may be asked."""
    first = values[0] if values else None
    return Plan(
        lambda _this, _scope: list(values),
        lambda _this, _scope: first,
        types,
        is_single=len(values) <= 1,
        literals=values,
    )


RESERVED_VARIABLES: Final = frozenset({"context", "resource", "rootResource", "ucum", "sct", "loinc"})
"""Names that ``defineVariable`` cannot give."""

EMPTY: Final = constant((), ())

BOOLEAN: Final = ("System.Boolean",)
INTEGER: Final = ("System.Integer",)
STRING: Final = ("System.String",)
DECIMAL: Final = ("System.Decimal",)


def boxed(plan: Plan) -> Plan:
    """Return *plan* with results that say what they are."""
    name = plan.raw_type
    if name is None:
        return plan
    many, one = plan.many, plan.one

    def boxed_many(this: Any, scope: Scope) -> list[Any]:
        return [item if type(item) is Item else Item(item, name) for item in many(this, scope)]

    def boxed_one(this: Any, scope: Scope) -> Any:
        item = one(this, scope)
        return item if item is None or type(item) is Item else Item(item, name)

    return replace(plan, many=boxed_many, one=boxed_one, is_boxed=True)


def system(plan: Plan) -> Plan:
    """Return *plan* with System values; an element that has none stays JSON, a primitive without value is left out."""
    name = plan.raw_type
    if name is None:
        if plan.types is not None and all(kind.startswith("System.") for kind in plan.types):
            return plan
        return _converted(plan, system_value)
    convert = conversion(name)
    if convert is None and not model.is_primitive(name):
        return plan
    return _converted(plan, _unboxed(convert))


def _unboxed(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    if convert is None:
        return lambda item: item.value if type(item) is Item else item

    def converted(item: Any) -> Any:
        value = item.value if type(item) is Item else item
        return None if value is None else convert(value)

    return converted


def _converted(plan: Plan, convert: Callable[[Any], Any]) -> Plan:
    many, one = plan.many, plan.one

    def converted_many(this: Any, scope: Scope) -> list[Any]:
        return [value for value in map(convert, many(this, scope)) if value is not None]

    def converted_one(this: Any, scope: Scope) -> Any:
        item = one(this, scope)
        return None if item is None else convert(item)

    return replace(plan, many=converted_many, one=converted_one, types=plan.types, is_boxed=True)


def boolean(plan: Plan) -> One:
    """Return a closure that gives True, False or None; one value that is no Boolean counts as True.

    Spec: https://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections
    """
    one = system(plan).one
    if plan.types in (BOOLEAN, ("boolean",)):
        return one

    def truth(this: Any, scope: Scope) -> Any:
        value = one(this, scope)
        return value if value is None or type(value) is bool else True

    return truth


def of_types(items: list[Any], match: model.TypeMatch) -> list[Any]:
    """Return the boxed items that ``ofType`` keeps."""
    return [item for item in items if model.is_selected(type_of(item), match)]
