"""Checks for the shapes of an element.

The *shape* of an element is the tuple of its member names, in the order they stand. Whatever the names decide is
decided once for each shape. What is left is a check for each value: a shape's plan is interpreted while it is rare, and
becomes generated source once it has been met a few times.

Generating costs as much as judging some twenty resources, so a client that sends ever new shapes must not cause it:
hence the count. Since a client may also mean to fill the memory, all is forgotten when there are too many shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fhir_api.validation.memory import Memory
from fhir_api.validation.primitives import Json

Check = Callable[[Json], Json]
"""Tells by a true or false value whether a JSON value is sound; may raise for values of another kind than expected."""
Shape = tuple[str, ...]


class Probe(NamedTuple):
    """How one value is checked.

    Attributes:
        check: the check as a function.
        source: the same as a Python expression over ``{value}`` and the operands, ``{0}`` and so on.
        operands: what the expression needs.
    """

    check: Check
    source: str
    operands: tuple[object, ...]


class Step(NamedTuple):
    """How one member is checked.

    Attributes:
        probe: checks one value.
        bounds: least and greatest number of values of an array; None where the member is no array.
        has_gaps: whether the array may hold nulls, since another one completes it.
    """

    probe: Probe
    bounds: tuple[int, int | None] | None = None
    has_gaps: bool = False


class Plan(NamedTuple):
    """How an element of one shape is checked: a step for each member, in order, and rules over several members."""

    steps: Sequence[Step]
    whole: Sequence[Check] = ()


class Shapes:
    """The checks for the shapes of one structure.

    Attributes:
        known: the check for each shape that is kept; always the same dictionary, so that generated code can hold it.
    """

    def __init__(self, planned: Callable[[Shape], Plan], memory: ShapeMemory) -> None:
        self.known: dict[Shape, Check] = {}
        self._planned = planned
        self._memory = memory

    def judge(self, element: Json) -> Json:
        """Check an element, whatever its shape; raise what *planned* raises for a shape that breaks a rule."""
        return (self.known.get(tuple(element)) or self.learn(element))(element)

    def learn(self, element: Json) -> Check:
        """Return the check for an element whose shape is not known, and keep it."""
        shape = tuple(element)
        plan = self._planned(shape)
        self._memory.make_room()
        check = self.known[shape] = self._counted(shape, plan)
        return check

    def _counted(self, shape: Shape, plan: Plan) -> Check:
        """Return the interpreted check, which gives way to the generated one when it has been used often."""
        check = interpreted(plan)
        left = self._memory.meetings

        def counted(element: Json) -> Json:
            nonlocal left
            left -= 1
            if left <= 0:
                self.known[shape] = generated(plan)
            return check(element)

        return counted


class ShapeMemory:
    """All shapes a verdict knows; when there are too many it forgets all of them.

    Attributes:
        most: the greatest number of shapes.
        meetings: how often a shape is met before its check is generated; at least 1.
    """

    def __init__(self, most: int = 8192, meetings: int = 8) -> None:
        self.most = most
        self.meetings = meetings
        self._all: list[Shapes] = []
        self._count = 0

    def shapes(self, planned: Callable[[Shape], Plan]) -> Shapes:
        """Return a place for the shapes of one more structure."""
        shapes = Shapes(planned, self)
        self._all.append(shapes)
        return shapes

    def make_room(self) -> None:
        """Make sure that one more shape can be kept."""
        if self._count >= self.most:
            # generated checks refer to each other's shapes, so these are emptied, not replaced
            for shapes in self._all:
                shapes.known.clear()
            self._count = 0
        self._count += 1


def calling(check: Check) -> Probe:
    """Return the probe that calls a function."""
    return Probe(check, "{0}({value})", (check,))


def asking(memory: Memory) -> Probe:
    """Return the probe that asks a memory, which may learn."""
    return Probe(memory.ask, "{value} in {0} or {1}({value})", (memory.known, memory.learn))


def belonging_to(codes: frozenset[str]) -> Probe:
    """Return the probe that looks into a set."""
    return Probe(codes.__contains__, "{value} in {0}", (codes,))


def shaped(shapes: Shapes) -> Probe:
    """Return the probe for an element that has members."""
    source = "({0}(tuple({value})) or {1}({value}))({value})"
    return Probe(shapes.judge, source, (shapes.known.get, shapes.learn))


def interpreted(plan: Plan) -> Check:
    """Return a plan's check, ready at once."""
    checks = tuple(_step_check(step) for step in plan.steps)
    whole = tuple(plan.whole)

    def element(value: Json) -> bool:
        for check, member in zip(checks, value.values(), strict=True):
            if not check(member):
                return False
        return all(rule(value) for rule in whole)

    return element


def _step_check(step: Step) -> Check:
    check = step.probe.check
    if step.bounds is None:
        return check
    least, most = step.bounds

    def array(values: Json) -> bool:
        if type(values) is not list or len(values) < least or (most is not None and len(values) > most):
            return False
        return all(check(value) if value is not None or not step.has_gaps else True for value in values)

    return array


def generated(plan: Plan) -> Check:
    """Return a plan's check as compiled Python source: three times as fast, but it takes some 0.3 ms to make."""
    names: dict[str, Any] = {"__builtins__": {"tuple": tuple, "list": list, "type": type, "len": len}}
    members = [f"v{index}" for index in range(len(plan.steps))]
    lines = ["def check(element):", f"    {', '.join(members)}, = element.values()"]
    for member, step in zip(members, plan.steps, strict=True):
        operands = [f"{member}_{index}" for index in range(len(step.probe.operands))]
        names.update(zip(operands, step.probe.operands, strict=True))
        lines.extend(_step_source(member, operands, step))
    for index, rule in enumerate(plan.whole):
        names[f"whole_{index}"] = rule
        lines.append(f"    if not whole_{index}(element): return False")
    lines.append("    return True")
    # The source holds only names made here and the templates of the probes: nothing of a client comes into it.
    exec(compile("\n".join(lines), "<shape>", "exec"), names)  # noqa: S102
    check: Check = names["check"]
    return check


def _step_source(member: str, operands: Sequence[str], step: Step) -> list[str]:
    if step.bounds is None:
        return [f"    if not ({step.probe.source.format(*operands, value=member)}): return False"]
    least, most = step.bounds
    too_few = f"not {member}" if least == 1 else f"len({member}) < {least}"
    too_many = "" if most is None else f" or len({member}) > {most}"
    gap = "item is not None and " if step.has_gaps else ""
    return [
        f"    if type({member}) is not list or {too_few}{too_many}: return False",
        f"    for item in {member}:",
        f"        if {gap}not ({step.probe.source.format(*operands, value='item')}): return False",
    ]
