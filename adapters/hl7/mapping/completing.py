"""What FHIR requires and a message does not say.

Rows of ``mappings/own/defaults.csv`` give an element that is missing a fixed value, the code for "unknown", or the
reference to the patient of the message. An element inside a resource that lacks what it requires is left out; a
resource says that the element is absent.

Spec: https://hl7.org/fhir/R4/extension-data-absent-reason.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from adapters.hl7.mapping.repairing import REPAIRS, Json, absent
from adapters.hl7.mapping.targets import REFERS, Made, elements
from conformance.types import Element, nodes
from mappings.errors import MappingError

Dropped = Callable[[str], None]
"""Is told the path of each element that is left out."""

_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
ABSENT = "absent()"


class Completer:
    """Completes resources.

    Args:
        rows: ``type`` (a resource type, or an element with parts, such as ``AllergyIntolerance.reaction``), ``element``
            and ``value``: a text in quotes, ``absent()``, or a resource type to refer to.

    Raises:
        MappingError: R4 has no such type or element.
    """

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        self._values: dict[str, dict[str, str]] = {}
        self._kinds: dict[str, _Kind] = {}
        self._references: dict[str, list[tuple[str, str]]] = {}
        for row in rows:
            if row["element"].partition(".")[0] not in elements(row["type"]):
                raise MappingError(f"defaults line {row['line']}: {row['type']} has no element {row['element']}")
            if row["value"][:1].isupper():
                self._references.setdefault(row["type"], []).append((row["element"], row["value"]))
            else:
                self._values.setdefault(row["type"], {})[row["element"]] = row["value"]

    def refer(self, made: Iterable[Made]) -> None:
        """Let resources refer to the nearest resource of a type that the message tells of, such as the patient.

        Where none stands around, it is the only one of the message; of several none is guessed.
        """
        listed = [each for each in made if each.content]
        of_type: dict[str, list[Made]] = {}
        for each in listed:
            of_type.setdefault(each.type, []).append(each)
        for each in listed:
            for name, kind in self._references.get(each.type, ()):
                if _has(each, name):
                    continue
                referred = each.group.find(f"{kind}[1]") if each.group is not None else None
                if referred is None or not referred.content:
                    others = of_type.get(kind, ())
                    referred = others[0] if len(others) == 1 else None
                if referred is None or referred is each:
                    continue
                is_list = elements(each.type)[name][0].max != 1
                each.content[(name, "default", 0) if is_list else name] = {REFERS: referred}

    def complete(self, resource: Json, dropped: Dropped) -> None:
        """Complete a resource; *dropped* is told which elements are left out."""
        self._complete(resource, resource["resourceType"], resource["resourceType"], dropped)

    def _complete(self, tree: Json, type_name: str, path: str, dropped: Dropped) -> bool:
        """Complete an element with parts; tell whether it has what it requires."""
        kind = self._kinds.get(type_name)
        if kind is None:
            kind = self._kinds[type_name] = _Kind(type_name, self._values.get(type_name, {}))
        if not kind.inner.keys().isdisjoint(tree):
            self._complete_inner(tree, kind.inner, path, dropped)
        if kind.values:
            there = frozenset(tree)
            for name, value in kind.values.items():
                if "." not in name or name.partition(".")[0] not in there:
                    _fill(tree, type_name, name, value)
        for element, names in kind.required:
            if tree.keys().isdisjoint(names) and not _absent(tree, element, type_name):
                return False
        return kind.repair is None or kind.repair(tree)

    def _complete_inner(self, tree: Json, inner: Mapping[str, str], path: str, dropped: Dropped) -> None:
        for name in [each for each in tree if each in inner]:
            value, kind = tree[name], inner[name]
            if isinstance(value, list):
                kept = [each for each in value if self._complete(each, kind, f"{path}.{name}", dropped)]
                if len(kept) < len(value):
                    dropped(f"{path}.{name}")
                    _replace(tree, name, kept)
            elif not self._complete(value, kind, f"{path}.{name}", dropped):
                dropped(f"{path}.{name}")
                del tree[name]


class _Kind:
    """What has to be asked of an element of a type."""

    __slots__ = ("inner", "repair", "required", "values")

    def __init__(self, type_name: str, values: Mapping[str, str]) -> None:
        self.inner = _inner(type_name)
        self.values = values
        self.required = _required(type_name)
        self.repair = REPAIRS.get(type_name)


def _replace(tree: Json, name: str, kept: list[Json]) -> None:
    if kept:
        tree[name] = kept
    else:
        del tree[name]


def _has(made: Made, name: str) -> bool:
    return any((key[0] if type(key) is tuple else key) == name for key in made.content)


def _fill(tree: Json, type_name: str, name: str, value: str) -> None:
    *outer, last = name.split(".")
    for step in outer:
        tree = tree.setdefault(step, {})
    if last in tree or f"_{last}" in tree:
        return
    if value == ABSENT:
        element, kind, _ = elements(type_name)[last]
        _write_absent(tree, last, kind.code, is_list=element.max != 1)
    else:
        tree[last] = value.strip('"')


def _absent(tree: Json, element: Element, type_name: str) -> bool:
    """Say that an element a resource requires is absent; inside a resource the whole element is left out instead."""
    if nodes()[type_name].kind != "resource":
        return False
    name, kind = next(iter(element.json_names().items()))
    _write_absent(tree, name, kind.code, is_list=element.max != 1)
    return True


def _write_absent(tree: Json, name: str, type_code: str, *, is_list: bool) -> None:
    kind = nodes()[type_code].kind
    value: Any = {"extension": [absent()]}
    if kind == "backbone":
        value = {}
        for element, _ in _required(type_code):
            inner, inner_kind = next(iter(element.json_names().items()))
            _write_absent(value, inner, inner_kind.code, is_list=element.max != 1)
    elif type_code == "CodeableConcept":
        value = {"coding": [{"system": _SYSTEM, "code": "unknown", "display": "Unknown"}]}
    elif kind == "primitive-type":
        name = f"_{name}"
    tree[name] = [value] if is_list else value


@cache
def _required(type_name: str) -> tuple[tuple[Element, frozenset[str]], ...]:
    """Return the elements that a type requires, with the names that they may have."""
    return tuple(
        (each, frozenset(written for name in each.json_names() for written in (name, f"_{name}")))
        for each in nodes()[type_name].elements
        if each.min and not each.is_attribute
    )


@cache
def _inner(type_name: str) -> Mapping[str, str]:
    """Return the elements of a type that have to be looked into, with their types."""
    return {
        name: kind.code
        for name, (_, kind, _) in elements(type_name).items()
        if kind.code in nodes()
        and nodes()[kind.code].kind in {"backbone", "complex-type"}
        and _asks(kind.code, frozenset())
    }


def _asks(type_name: str, seen: frozenset[str]) -> bool:
    """Return whether a type requires anything, here or inside."""
    if type_name in seen or type_name in {"Extension", "Element", "Reference", "Meta", "Narrative"}:
        return False
    if _required(type_name) or type_name in REPAIRS:
        return True
    inner = {kind.code for _, kind, _ in elements(type_name).values()}
    return any(
        nodes()[each].kind in {"backbone", "complex-type"} and _asks(each, seen | {type_name})
        for each in inner
        if each in nodes()
    )
