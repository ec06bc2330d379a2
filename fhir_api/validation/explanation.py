"""Why a resource is not sound: a walk over the same structures that names each place.

Spec: https://hl7.org/fhir/R4/operationoutcome.html
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from fhir_api.model.outcome import Issue
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


class _EnoughError(Exception):
    """As many issues were found as are told."""


class _Found(NamedTuple):
    """A reference whose soundness depends on where it stands."""

    literal: str
    path: str


def explain(tree: Json, *, in_bundle: bool) -> tuple[Issue, ...]:
    """Return the issues of a resource, at most ``MAX_ISSUES``; none if it is sound.

    Args:
        tree: parsed JSON.
        in_bundle: whether conditional references are allowed although *tree* is no Bundle.
    """
    walk = _Walk()
    try:
        walk.resource(tree, None, is_contained=False)
        if not in_bundle and not (type(tree) is dict and tree.get("resourceType") == "Bundle"):
            walk.refuse_conditional()
    except _EnoughError:
        pass
    return tuple(walk.issues)


class _Walk:
    """One walk over one resource."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self._fragments: list[_Found] = []
        self._conditional: list[_Found] = []

    def resource(self, tree: Json, path: str | None, *, is_contained: bool) -> None:
        """Walk a resource; *path* is None for the outermost."""
        if type(tree) is not dict:
            self._add("structure", f"Found {_kind(tree)}, expected a resource.", path or "Resource")
            return
        resource_type = tree.get("resourceType")
        if type(resource_type) is not str or resource_type not in RESOURCE_TYPES:
            found = _tellable(resource_type, "'resourceType' is missing or no text")
            self._add("structure", f"Found {found}, expected a resource type of R4.", path or "Resource")
            return
        key = StructureKey(resource_type, is_contained=is_contained)
        if is_contained:
            self._element(key, tree, path or resource_type)
            return
        outer, self._fragments = self._fragments, []
        self._element(key, tree, path or resource_type)
        self._resolve_fragments(tree)
        self._fragments = outer

    def refuse_conditional(self) -> None:
        """Refuse each conditional reference that was met."""
        for found in self._conditional:
            self._add("value", "Found a conditional reference, which only a bundle may hold.", found.path)

    def _resolve_fragments(self, tree: dict[str, Any]) -> None:
        contained = tree.get("contained")
        resources = contained if type(contained) is list else []
        ids = {"#", *(f"#{each.get('id')}" for each in resources if type(each) is dict)}
        for found in self._fragments:
            if found.literal not in ids:
                self._add("value", "The reference points at no contained resource.", found.path)

    def _element(self, key: StructureKey, value: Json, path: str) -> None:
        if type(value) is not dict:
            self._add("structure", f"Found {_kind(value)}, expected an object ({key.node}).", path)
            return
        before = len(self.issues)
        rules = structure(key)
        for problem in rules.problems(tuple(value)):
            self._add(problem.code, problem.diagnostics, _join(path, problem.step))
        for name, member in value.items():
            each = rules.properties.get(name)
            if each is not None:
                self._member(each, member, path, has_gaps=each.companion in value)
        if len(self.issues) == before:
            for rule in rules_over(rules, value):
                if not rule.holds(value):
                    self._add(rule.code, rule.diagnostics, _join(path, rule.step))

    def _member(self, each: Property, member: Json, parent: str, *, has_gaps: bool) -> None:
        path = f"{parent}.{each.step}"
        if not each.repeats:
            self._value(each, member, path)
            return
        if type(member) is not list:
            self._add("structure", f"'{each.name}' may repeat: found {_kind(member)}, expected an array.", path)
            return
        least = max(each.min, 1)
        if len(member) < least or (each.max is not None and len(member) > each.max):
            most = "any number" if each.max is None else str(each.max)
            self._add("structure", f"Found {len(member)} values, expected {least} to {most}.", path)
        for index, value in enumerate(member):
            if value is not None or not has_gaps:
                self._value(each, value, f"{path}[{index}]")

    def _value(self, each: Property, value: Json, path: str) -> None:
        if type(value) is list or value is None:
            self._add("structure", f"'{each.name}': found {_kind(value)}, expected {_expected(each.content)}.", path)
            return
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

    def _primitive(self, form: Format, value: Json, path: str) -> None:
        if form.is_met_by(value):
            return
        if type(value) not in form.json_types:
            self._add("structure", f"Found {_kind(value)}, expected {form.name}: {form.expected}.", path)
        else:
            because = f"; {form.objection(value)}" if form.objection else ""
            self._add("value", f"The value is no {form.name}: expected {form.expected}{because}.", path)

    def _code(self, coded: CodedFormat, value: Json, path: str) -> None:
        if type(value) is not str:
            self._add("structure", f"Found {_kind(value)}, expected a code.", path)
        elif value not in coded.codes:
            found = _tellable(value, "another text")
            self._add("code-invalid", f"Found {found}, expected a code of {coded.value_set}.", path)

    def _reference(self, targets: frozenset[str], value: Json, path: str) -> None:
        if type(value) is not str:
            self._add("structure", f"Found {_kind(value)}, expected a reference as a string.", path)
            return
        shown = shown_type(value)
        if shown == FRAGMENT:
            self._fragments.append(_Found(value, path))
        elif shown == NONE:
            expected = "Type/id with a type of R4, an absolute URL, urn:uuid:, urn:oid: or #id"
            self._add("value", f"The text is no literal reference: expected {expected}.", path)
        elif shown not in targets:
            self._add("value", f"Found a reference to {shown.lstrip(CONDITIONAL)}, expected {_among(targets)}.", path)
        elif shown[:1] == CONDITIONAL:
            self._conditional.append(_Found(value, path))

    def _add(self, code: str, diagnostics: str, path: str) -> None:
        self.issues.append(Issue("error", code, diagnostics, (path,)))
        if len(self.issues) >= MAX_ISSUES:
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
