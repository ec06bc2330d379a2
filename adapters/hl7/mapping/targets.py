"""From the path of a row to the place in a resource that is being built.

While a resource is built, elements of a list stand under ``(name, label, scope)``, so that rows find the element that
other rows of the same segment and repetition began; :mod:`adapters.hl7.mapping.finishing` makes lists of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol

from conformance.types import Element, ElementType, Node, nodes
from conformance.value_sets import required_codes
from mappings.errors import MappingError
from mappings.paths import Step, parse_path

REFERS = "@"
"""Key of the resource that an element refers to."""

Building = dict[Any, Any]

TOGETHER = frozenset({("MedicationRequest", "dosageInstruction"), ("MedicationDispense", "dosageInstruction")})
"""Elements of a list that several segments tell of together, such as dose (RXE), route (RXR) and times (TQ1)."""


class Surroundings(Protocol):
    """The group of a message that a resource was begun in."""

    def find(self, label: str) -> Made | None:
        """Return the resource with this label that stands nearest."""
        ...


class Made:
    """A resource that is being built.

    Attributes:
        type: its resource type.
        content: its elements.
        is_told: whether a value of the message is in it, rather than fixed ones only.
        group: where in the message it was begun; None for one that only another refers to.
    """

    __slots__ = ("content", "group", "is_told", "type")

    def __init__(self, resource_type: str) -> None:
        self.type = resource_type
        self.content: Building = {}
        self.is_told = False
        self.group: Surroundings | None = None


class Hop(NamedTuple):
    """One step on the way to an element.

    Attributes:
        name: JSON name.
        label: of a list's element; None where there is no list.
        refers: type of the resource that is gone on in; empty for none.
        others: of a choice, the names it has with other types: only one may be there.
        fixed: where it stands whatever the scope; empty where the scope tells elements apart.
    """

    name: str
    label: str | None
    refers: str = ""
    others: tuple[str, ...] = ()
    fixed: str | tuple[str, str, int] = ""


class Target(NamedTuple):
    """An element that a row writes.

    Attributes:
        hops: the way to what holds it.
        last: the element itself; None for the resource or value itself.
        type: its FHIR type.
        path: as the definitions write it, for messages.
        codes: codes that a required binding allows; None for any.
    """

    hops: tuple[Hop, ...]
    last: Hop | None
    type: str
    path: str
    codes: frozenset[str] | None = None

    @property
    def is_primitive(self) -> bool:
        """Whether it holds a text, number or truth."""
        return not self.type or nodes()[self.type].kind == "primitive-type"

    @property
    def is_looked_up(self) -> bool:
        """Whether a table says what its texts mean: those that it does not have are told as codes without a row."""
        return self.type == "uri" and self.last is not None and self.last.name == "system"

    def holder(self, content: Building, scope: int) -> Building:
        """Return what holds the element, made if it is not there."""
        for hop in self.hops:
            content = step(content, hop, scope)
        return content

    def element(self, content: Building, scope: int) -> Building:
        """Return the element, made if it is not there; only of one that is not primitive."""
        for hop in self.hops:
            content = step(content, hop, scope)
        return content if self.last is None else step(content, self.last, scope)

    def put(self, content: Building, scope: int, value: object) -> bool:
        """Set the primitive element; what is there already stays. Tell whether it says *value* now."""
        for hop in self.hops:
            content = step(content, hop, scope)
        last = self.last
        if last is None or (last.others and not content.keys().isdisjoint(last.others)):
            return False
        key = last.fixed or (last.name, last.label, scope)
        return bool(content.setdefault(key, value) == value)


def step(content: Building, hop: Hop, scope: int) -> Building:
    """Return the next element on the way, made if it is not there."""
    key = hop.fixed or (hop.name, hop.label, scope)
    found: Building | None = content.get(key)
    if found is None:
        if hop.others and not content.keys().isdisjoint(hop.others):
            return {}
        found = content[key] = {}
    if not hop.refers:
        return found
    made: Made | None = found.get(REFERS)
    if made is None:
        made = found[REFERS] = Made(hop.refers)
    # one element refers to one resource: what another type would say of it has no place
    return made.content if made.type == hop.refers else {}


def compile_target(root: str, path: str) -> Target:
    """Return the element that *path* means.

    Args:
        root: type of what it is written in: ``Patient``, ``Identifier``, ``MessageHeader.source``.
        path: as a row has it.

    Raises:
        MappingError: R4 has no such element.
    """
    return _compiled(root, parse_path(path) if path else (), path)


def _compiled(root: str, steps: tuple[Step, ...], text: str) -> Target:
    hops, type_code, codes = _walk(root, steps, text)
    last = hops[-1] if hops else None
    if last is not None and last.refers:
        return Target(tuple(hops), None, type_code, f"{root}.{text}")
    return Target(tuple(hops[:-1]), last, type_code, f"{root}.{text}", codes)


def _walk(root: str, steps: tuple[Step, ...], text: str) -> tuple[list[Hop], str, frozenset[str] | None]:
    hops: list[Hop] = []
    current = root
    codes: frozenset[str] | None = None
    rest = list(steps)
    if rest and rest[0].name in {"", root}:
        rest.pop(0)
    for number, each in enumerate(rest):
        element, kind, name = _find(current, each.name, text)
        label = each.label if element.max != 1 else None
        is_last = number == len(rest) - 1
        if each.resource:
            refers = _resource(each.resource, kind, text)
            # elements of a list that refer to resources of other types are others
            hops.append(Hop(name, label and f"{label} {refers}", refers, fixed="" if label else name))
            inside, current, codes = _walk(each.resource, each.inside, text)
            hops += inside
        else:
            current_type, current = current, kind.code
            if not is_last and nodes()[current].kind == "primitive-type":
                if label is not None:
                    raise MappingError(f"{root}.{text}: extensions of a repeating primitive are not supported")
                name = f"_{name}"
            fixed = (name, label, 0) if label and (current_type, each.name) in TOGETHER else "" if label else name
            hops.append(Hop(name, label, others=_others(element, name), fixed=fixed))
            codes = _codes(element) if current == "code" else None
    return hops, current, codes


def _others(element: Element, name: str) -> tuple[str, ...]:
    return tuple(other for other in element.json_names() if other != name) if element.is_choice else ()


def _codes(element: Element) -> frozenset[str] | None:
    """Return the codes that the binding of an element allows; None for any."""
    if element.binding is None or element.binding.strength != "required" or element.binding.value_set is None:
        return None
    found = required_codes(element.binding.value_set)
    return None if found is None else frozenset(found)


def _resource(resource: str, kind: ElementType, text: str) -> str:
    if kind.code != "Reference" or resource not in nodes() or nodes()[resource].kind != "resource":
        raise MappingError(f"{text}: {resource} is not a resource that {kind.code} can refer to")
    allowed = [each.rsplit("/", 1)[-1] for each in kind.target_profiles]
    if allowed and "Resource" not in allowed and resource not in allowed:
        raise MappingError(f"{text}: expected a reference to {' or '.join(allowed)}, found {resource}")
    return resource


def _find(current: str, name: str, text: str) -> tuple[Element, ElementType, str]:
    found = elements(current).get(name)
    if found is None:
        raise MappingError(f"{text}: {current} has no element {name!r}")
    return found


@cache
def elements(type_name: str) -> Mapping[str, tuple[Element, ElementType, str]]:
    """Return the elements of a type by their JSON names."""
    node: Node | None = nodes().get(type_name)
    if node is None:
        raise MappingError(f"R4 has no type {type_name!r}")
    return {name: (element, kind, name) for element in node.elements for name, kind in element.json_names().items()}
