"""Why a resource is not sound: a walk over the same structures that names each place.

Spec: https://hl7.org/fhir/R4/operationoutcome.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any, NamedTuple

from conformance.types import Element
from fhir_api.fhirpath import Environment, FhirPathEvaluationError, typed_only
from fhir_api.model.outcome import Issue
from fhir_api.validation.codes import UNASKED, Codes
from fhir_api.validation.containment import unreferenced
from fhir_api.validation.invariants import Invariant, invariants, invariants_of_value
from fhir_api.validation.primitives import Format, Json
from fhir_api.validation.references import CONDITIONAL, FRAGMENT, NONE, RESOURCE_TYPES, shown_type
from fhir_api.validation.structure import (
    CodedFormat,
    Content,
    LiteralReference,
    Property,
    Slot,
    StructureKey,
    structure,
)
from fhir_api.validation.whole import rules_over

MAX_ISSUES = 100
"""How many issues are told at most."""

_JSON_KINDS = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}
# What looks like a code is told back, since it helps; other text might be about a patient.
_TELLABLE = re.compile(r"[A-Za-z0-9._\-]{1,32}")
_FEW_TARGETS = 8

_KIND = ("json-kind",)
_TYPE = ("resource-type",)
_FORMAT = ("format",)
_CODE = ("binding-required",)
_TOO_FEW = ("cardinality-min",)
_TOO_MANY = ("cardinality-max",)
_LITERAL = ("reference-format",)
_TARGET = ("reference-target",)
_CONDITIONAL = ("reference-conditional",)
_LOCAL = ("reference-contained", "ref-1")
# the narrative of a contained resource is that of its container
_NOT_OF_CONTAINED = frozenset({"dom-6"})
_UNREFERENCED = ("invariant", "dom-3")
_DOM_3 = "A contained resource has to be referred to from the resource, or to refer to it"


class _EnoughError(Exception):
    """As many errors were found as are told."""


class Explanation(NamedTuple):
    """What a walk found.

    Attributes:
        issues: none if the resource is sound.
        has_faults: the structure is not sound, so that nothing that rests on it can be asked.
    """

    issues: tuple[Issue, ...]
    has_faults: bool


class _Found(NamedTuple):
    """A reference whose soundness depends on where it stands."""

    literal: str
    path: str


ERRORS = frozenset({"error"})
"""The severity of invariants that refuse a write."""


def explain(
    tree: Json,
    *,
    in_bundle: bool,
    severities: frozenset[str] = ERRORS,
    codes: Codes = UNASKED,
) -> Explanation:
    """Return what is to be said about a resource: at most ``MAX_ISSUES`` errors, and as many other issues.

    Args:
        tree: parsed JSON.
        in_bundle: whether conditional references are allowed although *tree* is no Bundle.
        severities: of the invariants that are told: ``error | warning``; with ``warning`` also those that cannot be
            evaluated, as information.
        codes: what is asked of coded values whose codes are no part of the structure.
    """
    walk = _Walk(severities, codes)
    try:
        walk.resource(tree, None, is_contained=False)
        if not in_bundle and not (type(tree) is dict and tree.get("resourceType") == "Bundle"):
            walk.refuse_conditional()
    except _EnoughError:
        pass
    return Explanation(tuple(walk.issues), walk.faults > 0)


class _Walk:
    """One walk over one resource."""

    def __init__(self, severities: frozenset[str], codes: Codes) -> None:
        self.issues: list[Issue] = []
        self.faults = 0
        self._told = {True: 0, False: 0}
        self._severities = severities
        self._codes = codes
        self._environment = Environment()
        self._fragments: list[_Found] = []
        self._conditional: list[_Found] = []

    def resource(self, tree: Json, path: str | None, *, is_contained: bool) -> None:
        """Walk a resource; *path* is None for the outermost."""
        if type(tree) is not dict:
            self._add("structure", f"Found {_kind(tree)}, expected a resource.", path or "Resource", _KIND)
            return
        resource_type = tree.get("resourceType")
        if type(resource_type) is not str or resource_type not in RESOURCE_TYPES:
            found = _tellable(resource_type, "'resourceType' is missing or no text")
            self._add("structure", f"Found {found}, expected a resource type of R4.", path or "Resource", _TYPE)
            return
        key, place = StructureKey(resource_type, is_contained=is_contained), path or resource_type
        outer = self._environment
        container = outer.root_resource if is_contained else tree
        self._environment = Environment(resource=tree, root_resource=container, resolver=typed_only)
        if is_contained:
            self._element(key, tree, place)
        else:
            self._container(key, tree, place)
        self._environment = outer

    def _container(self, key: StructureKey, tree: dict[str, Any], path: str) -> None:
        outer, self._fragments = self._fragments, []
        self._element(key, tree, path)
        contained = tree.get("contained")
        resources = contained if type(contained) is list and all(type(each) is dict for each in contained) else []
        ids = {"#", *(f"#{each.get('id')}" for each in resources)}
        for found in self._fragments:
            if found.literal not in ids:
                self._add("value", "The reference points at no contained resource.", found.path, _LOCAL)
        if resources and "error" in self._severities:
            for index in unreferenced(tree):
                self._add("invariant", f"dom-3: {_DOM_3}", f"{path}.contained[{index}]", _UNREFERENCED)
        self._fragments = outer

    def refuse_conditional(self) -> None:
        """Refuse each conditional reference that was met."""
        for found in self._conditional:
            self._add("value", "Found a conditional reference, which only a bundle may hold.", found.path, _CONDITIONAL)

    def _element(self, key: StructureKey, value: Json, path: str) -> None:
        if type(value) is not dict:
            self._add("structure", f"Found {_kind(value)}, expected an object ({key.node}).", path, _KIND)
            return
        before = self.faults
        rules = structure(key)
        for problem in rules.problems(tuple(value)):
            self._add(problem.code, problem.diagnostics, _join(path, problem.step), problem.details)
        for name, member in value.items():
            each = rules.properties.get(name)
            if each is not None:
                self._member(each, member, path, has_gaps=each.companion in value)
                if name[0] == "_" and each.companion is not None:
                    self._valueless(rules.properties[each.companion], value.get(each.companion), member, path)
        if self.faults == before:
            for rule in rules_over(rules, value):
                if not rule.holds(value):
                    self._add(rule.code, rule.diagnostics, _join(path, rule.step), (rule.details,))
        is_sound = self.faults == before
        self._invariants(invariants(key.node), value, path, is_sound=is_sound, is_contained=key.is_contained)
        if key.node == "Coding" and is_sound:
            for issue in self._codes.of_coding(value, path):
                self._tell(issue)

    def _invariants(
        self, asked: Iterable[Invariant], element: Json, path: str, *, is_sound: bool, is_contained: bool = False
    ) -> None:
        for invariant in asked:
            if invariant.severity not in self._severities or (is_contained and invariant.key in _NOT_OF_CONTAINED):
                continue
            try:
                if invariant.is_kept(element, self._environment):
                    continue
            except FhirPathEvaluationError as failure:
                # what is wrong below has been told already
                if is_sound and "warning" in self._severities:
                    because = f"{invariant.key} cannot be evaluated: {failure}"
                    details = ("invariant-open", invariant.key)
                    self._tell(Issue("information", "incomplete", because, (path,), details))
                continue
            found, details = f"{invariant.key}: {invariant.human}", ("invariant", invariant.key)
            self._tell(Issue(invariant.severity, "invariant", found, (path,), details))

    def _member(self, each: Property, member: Json, parent: str, *, has_gaps: bool) -> None:
        path = f"{parent}.{each.step}"
        if not each.repeats:
            self._value(each, member, path)
            return
        if type(member) is not list:
            self._add("structure", f"'{each.name}' may repeat: found {_kind(member)}, expected an array.", path, _KIND)
            return
        least = max(each.min, 1)
        if len(member) < least or (each.max is not None and len(member) > each.max):
            most = "any number" if each.max is None else str(each.max)
            details = _TOO_FEW if len(member) < least else _TOO_MANY
            self._add("structure", f"Found {len(member)} values, expected {least} to {most}.", path, details)
        for index, value in enumerate(member):
            if value is not None or not has_gaps:
                self._value(each, value, f"{path}[{index}]")

    def _value(self, each: Property, value: Json, path: str) -> None:
        if type(value) is list or value is None:
            expected = _expected(each.content)
            self._add("structure", f"'{each.name}': found {_kind(value)}, expected {expected}.", path, _KIND)
            return
        before = self.faults
        match each.content:
            case Format() as form:
                self._primitive(form, value, path)
            case CodedFormat() as coded:
                self._code(coded, value, path)
            case LiteralReference(targets):
                self._reference(targets, value, path)
            case StructureKey() as key:
                self._element(key, value, path)
            case Slot() as slot:
                self.resource(value, path, is_contained=slot is Slot.CONTAINED)
        if each.element is not None:
            self._definition(each.element, each.name, value, path, is_sound=self.faults == before)

    def _valueless(self, each: Property, values: Json, companions: Json, parent: str) -> None:
        """Tell codes that are required and have extensions in their place."""
        if each.element is None or each.element.binding is None or not isinstance(each.content, Format | CodedFormat):
            return
        pairs = zip_longest(*(given if type(given) is list else [given] for given in (values, companions)))
        for index, (value, companion) in enumerate(pairs):
            if value is None and companion is not None:
                place = f"{parent}.{each.step}[{index}]" if each.repeats else f"{parent}.{each.step}"
                for issue in self._codes.of_no_code(
                    each.element.binding, each.element.json_names()[each.name].code, place
                ):
                    self._tell(issue)

    def _definition(self, element: Element, name: str, value: Json, path: str, *, is_sound: bool) -> None:
        """Tell what the element's own definition adds to its type: invariants, and the value set of its codes."""
        if element.constraints:
            own = invariants_of_value(element.constraints, element.json_names()[name].code)
            self._invariants(own, value, path, is_sound=is_sound)
        if element.binding is not None and is_sound:
            for issue in self._codes.of_binding(element.binding, value, element.json_names()[name].code, path):
                self._tell(issue)

    def _primitive(self, form: Format, value: Json, path: str) -> None:
        if form.is_met_by(value):
            return
        if type(value) not in form.json_types:
            self._add("structure", f"Found {_kind(value)}, expected {form.name}: {form.expected}.", path, _KIND)
        else:
            because = f"; {form.objection(value)}" if form.objection else ""
            self._add("value", f"The value is no {form.name}: expected {form.expected}{because}.", path, _FORMAT)

    def _code(self, coded: CodedFormat, value: Json, path: str) -> None:
        if type(value) is not str:
            self._add("structure", f"Found {_kind(value)}, expected a code.", path, _KIND)
        elif value not in coded.codes:
            found = _tellable(value, "another text")
            self._add("code-invalid", f"Found {found}, expected a code of {coded.value_set}.", path, _CODE)

    def _reference(self, targets: frozenset[str], value: Json, path: str) -> None:
        if type(value) is not str:
            self._add("structure", f"Found {_kind(value)}, expected a reference as a string.", path, _KIND)
            return
        shown = shown_type(value)
        if shown == FRAGMENT:
            self._fragments.append(_Found(value, path))
        elif shown == NONE:
            expected = "Type/id with a type of R4, an absolute URL, urn:uuid:, urn:oid: or #id"
            self._add("value", f"The text is no literal reference: expected {expected}.", path, _LITERAL)
        elif shown not in targets:
            found = shown.lstrip(CONDITIONAL)
            self._add("value", f"Found a reference to {found}, expected {_among(targets)}.", path, _TARGET)
        elif shown[:1] == CONDITIONAL:
            self._conditional.append(_Found(value, path))

    def _add(self, code: str, diagnostics: str, path: str, details: tuple[str, ...]) -> None:
        """Tell a fault of the structure: what rests on it may be misjudged."""
        self.faults += 1
        self._tell(Issue("error", code, diagnostics, (path,), details))

    def _tell(self, issue: Issue) -> None:
        is_error = issue.severity == "error"
        if self._told[is_error] < MAX_ISSUES:
            self.issues.append(issue)
        self._told[is_error] += 1
        if self._told[True] >= MAX_ISSUES:
            raise _EnoughError


def _join(path: str, step: str | None) -> str:
    return path if step is None else f"{path}.{step}"


def _kind(value: Json) -> str:
    return _JSON_KINDS.get(type(value), "null")


def _tellable(value: Json, otherwise: str) -> str:
    return f"'{value}'" if type(value) is str and _TELLABLE.fullmatch(value) else otherwise


def _expected(content: Content) -> str:
    match content:
        case Format():
            return f"one {content.name}"
        case StructureKey():
            return f"one object ({content.node})"
        case Slot():
            return "one resource"
        case _:
            return "one string"


def _among(targets: frozenset[str]) -> str:
    names = sorted(targets & RESOURCE_TYPES)
    return " or ".join(names) if len(names) <= _FEW_TARGETS else "another type"
