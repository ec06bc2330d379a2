"""Python source for one plan: nested look-ups, with a call for each element that goes into the index.

The generated function takes the resource as parsed JSON and returns its :class:`IndexEntries`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo

from conformance.value_sets import required_codes
from fhir_api.model.dates import EARLIEST
from fhir_api.search.definitions import later_words_at, text_key
from fhir_api.search.entries import CompositeEntry, IndexEntries, new_entry
from fhir_api.search.evaluation import evaluated
from fhir_api.search.extract.plan import Branch, Child, Component, Composite, Leaf, Plan
from fhir_api.search.query import Parameter
from fhir_api.search.routes import Route
from fhir_api.search.types.registry import LEAVES, leaves
from fhir_api.search.types.token import IDENTIFYING_TYPES, TEXTS, identifying

_LISTS: Mapping[str, str] = {
    "reference": "references",
    "date": "dates",
    "string": "strings",
    "number": "numbers",
    "quantity": "quantities",
    "uri": "uris",
    "composite": "composites",
    "special": "composites",
}
"""Where :class:`IndexEntries` keeps the entries of each parameter type; tokens have two places."""

_FIELDS = (
    "tokens",
    "identifiers",
    "references",
    "dates",
    "strings",
    "numbers",
    "quantities",
    "uris",
    "composites",
    "texts",
)


def list_name(parameter: Parameter) -> str:
    """Return the attribute of :class:`IndexEntries` that holds the entries of *parameter*."""
    if parameter.type == "token":
        return "identifiers" if parameter.is_identifier else "tokens"
    return _LISTS[parameter.type]


def generate(plan: Plan, zone: tzinfo) -> tuple[str, dict[str, object]]:
    """Return the source of ``def extract(resource)`` and the names it needs."""
    writer = _Writer()
    writer.names.update(zone=zone, new=new_entry, IndexEntries=IndexEntries, CompositeEntry=CompositeEntry)
    writer.names["shared"] = plan.shared
    with writer.block("def extract(resource):"):
        top = len(writer.lines)
        _presence(writer, plan)
        for parameter in plan.evaluated:
            writer.line(f"{writer.name(evaluated(parameter, zone))}(add_{list_name(parameter)}, resource)")
        _branch(writer, plan.root, "resource", None)
        used = [name for name in _FIELDS if any(f"add_{name}" in line for line in writer.lines)]
        for name in used:
            writer.line(f"if len({name}) > 1: {name} = list(dict.fromkeys({name}))")
        _low(writer, plan)
        lists = ", ".join(name if name in used else "[]" for name in _FIELDS)
        writer.line(f"return IndexEntries(low, {lists}, shared=shared)")
        writer.lines[top:top] = [f"    {name} = []; add_{name} = {name}.append" for name in used]
    return writer.source(), writer.names


@dataclass(slots=True)
class _Writer:
    """Lines under construction, and the objects they refer to."""

    names: dict[str, object] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    depth: int = 0
    counter: int = 0

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        self.line(head)
        self.depth += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.line("pass")
        self.depth -= 1

    def variable(self) -> str:
        self.counter += 1
        return f"v{self.counter}"

    def name(self, value: object) -> str:
        """Return a name for an object that the source refers to; equal constants share one."""
        for known, other in self.names.items():
            if other is value or (isinstance(value, tuple) and other == value):
                return known
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def source(self) -> str:
        return "\n".join(self.lines) + "\n"


def _presence(writer: _Writer, plan: Plan) -> None:
    for parameter, found in plan.presence:
        tests = []
        for route in found:
            (step,) = route.steps
            tests.append(f"resource.get({step.name!r}){' is True' if route.type == 'boolean' else ' is not None'}")
        leaf = writer.name(LEAVES["token"]["boolean"])
        writer.line(f"{leaf}(add_{list_name(parameter)}, {parameter.key}, {' or '.join(tests)})")


def _low(writer: _Writer, plan: Plan) -> None:
    writer.line(f"low = {EARLIEST}")
    if plan.primary is not None:
        with (
            writer.block("for entry in dates:"),
            writer.block(f"if entry[0] == {plan.primary.key}:"),
        ):
            writer.line("low = entry[1]")
            writer.line("break")


def _branch(writer: _Writer, branch: Branch, variable: str, add: str | None) -> None:
    """Write the visit of one place; *add* takes the entries of a composite's component."""
    _leaves(writer, branch.leaves, variable, add)
    for composite in branch.composites:
        _composite(writer, composite, variable)
    for name, child in branch.children.items():
        value = writer.variable()
        writer.line(f"{value} = {variable}.get({name!r})")
        with writer.block(f"if {value} is not None:"):
            _child(writer, child, value, add)


def _child(writer: _Writer, child: Child, value: str, add: str | None) -> None:
    if not child.repeats:
        for (where, _), branch in child.variants.items():
            _item(writer, where, branch, value, add)
        return
    for (where, index), branch in child.variants.items():
        if index is not None:
            with writer.block(f"if len({value}) > {index}:"):
                _item(writer, where, branch, f"{value}[{index}]", add)
    every = {where: branch for (where, index), branch in child.variants.items() if index is None}
    if every:
        item = writer.variable()
        # an array of primitives holds null where only the extension of an item is known
        with writer.block(f"for {item} in {value}:"), writer.block(f"if {item} is not None:"):
            for where, branch in every.items():
                _item(writer, where, branch, item, add)


def _item(writer: _Writer, where: tuple[tuple[str, str], ...], branch: Branch, value: str, add: str | None) -> None:
    if not where:
        _branch(writer, branch, value, add)
        return
    with writer.block(f"if {' and '.join(f'{value}.get({name!r}) == {wanted!r}' for name, wanted in where)}:"):
        _branch(writer, branch, value, add)


def _leaves(writer: _Writer, leaves: list[Leaf], value: str, add: str | None) -> None:
    references = [leaf for leaf in leaves if leaf.parameter.type == "reference" and leaf.route.type == "Reference"]
    if references:
        wanted = tuple((leaf.parameter.key, leaf.route.only) for leaf in references)
        targets = references[0].route.targets
        implied = targets[0] if len(targets) == 1 and targets[0] != "Resource" else None
        leaf_name = writer.name(LEAVES["reference"]["Reference"])
        call = f"{add or 'add_references'}, {writer.name(wanted)}, {value}, resource, {implied!r}"
        writer.line(f"{leaf_name}({call})")
    for leaf in leaves:
        if leaf not in references:
            _leaf(writer, leaf, value, add)
    if add is None:
        for leaf in leaves:
            _later(writer, leaf, value)
        # parameters that look at the same place share its texts
        for key, kind in dict.fromkeys(found for leaf in leaves if (found := _text(leaf)) is not None):
            writer.line(f"{writer.name(TEXTS[kind])}(add_texts, {key}, {value})")


def _later(writer: _Writer, leaf: Leaf, value: str) -> None:
    """Write what adds the later words of a family name."""
    added = later_words_at(leaf.route)
    if leaf.parameter.later is not None and added is not None:
        writer.line(f"{writer.name(added)}(add_strings, {leaf.parameter.later}, {value})")


def _text(leaf: Leaf) -> tuple[int, str] | None:
    """Return the key and the type of the texts that go with the codes of *leaf*."""
    is_text = leaf.parameter.type == "token" and leaf.route.type in TEXTS
    return (text_key(leaf.parameter, leaf.route), leaf.route.type) if is_text else None


def _leaf(writer: _Writer, leaf: Leaf, value: str, add: str | None) -> None:
    parameter, route = leaf.parameter, leaf.route
    function = writer.name(leaves(parameter)[route.type])
    add = add or f"add_{list_name(parameter)}"
    if parameter.is_identifier and route.type not in IDENTIFYING_TYPES:
        add = f"{writer.name(identifying)}({add})"
    arguments = [add, str(parameter.key), value]
    if parameter.type == "date":
        arguments.append("zone")
    elif parameter.type == "token" and route.type == "code":
        systems = _implied_systems(route)
        if systems is not None:
            arguments.append(writer.name(systems))
    elif route.type == "Resource":
        arguments.append(writer.name(parameter.targets))
    writer.line(f"{function}({', '.join(arguments)})")


def _implied_systems(route: Route) -> Mapping[str, str] | None:
    """Return the system of each code that the required binding at the end of *route* allows, where it can be listed."""
    binding = route.binding
    return required_codes(binding.value_set) if binding is not None and binding.value_set is not None else None


def _composite(writer: _Writer, composite: Composite, value: str) -> None:
    found = {component: writer.variable() for component in range(len(composite.components))}
    depth = writer.depth
    # the last component is the one that tells resources apart: a value of a certain type
    for number in reversed(found):
        component = composite.components[number]
        writer.line(f"{found[number]} = []")
        _component(writer, component, value, f"{found[number]}.append")
        writer.line(f"if {found[number]}:")
        writer.depth += 1
    items = [f"{variable}i" for variable in found.values()]
    for variable, item in zip(found.values(), items, strict=True):
        writer.line(f"for {item} in {variable}:")
        writer.depth += 1
    writer.line(f"add_composites(new(CompositeEntry, ({composite.parameter.key}, ({', '.join(items)},))))")
    writer.depth = depth


def _component(writer: _Writer, component: Component, value: str, add: str) -> None:
    _branch(writer, component.below, value, add)
    _branch(writer, component.from_resource, "resource", add)
