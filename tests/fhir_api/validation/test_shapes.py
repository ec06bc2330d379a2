"""Shapes and values are remembered within bounds, and remembering changes no answer."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from fhir_api.validation.memory import LONGEST_REMEMBERED, MAX_REMEMBERED, Memory
from fhir_api.validation.shapes import (
    Plan,
    Shape,
    ShapeMemory,
    Step,
    asking,
    belonging_to,
    calling,
    generated,
    interpreted,
)

CODES = belonging_to(frozenset({"a", "b"}))


@pytest.mark.parametrize("make", [interpreted, generated])
@pytest.mark.parametrize(
    ("plan", "element", "sound"),
    [
        (Plan([Step(CODES)]), {"x": "a"}, True),
        (Plan([Step(CODES)]), {"x": "c"}, False),
        (Plan([Step(CODES), Step(calling(str.isdigit))]), {"x": "a", "y": "1"}, True),
        (Plan([Step(CODES), Step(calling(str.isdigit))]), {"x": "a", "y": "b"}, False),
        (Plan([Step(asking(Memory(lambda text: text == "a")))]), {"x": "a"}, True),
        (Plan([Step(asking(Memory(lambda text: text == "a")))]), {"x": "b"}, False),
        (Plan([Step(CODES, (1, None))]), {"x": ["a", "b", "a"]}, True),
        (Plan([Step(CODES, (1, None))]), {"x": ["a", "c"]}, False),
        (Plan([Step(CODES, (1, None))]), {"x": []}, False),
        (Plan([Step(CODES, (1, None))]), {"x": "a"}, False),
        (Plan([Step(CODES, (1, None))]), {"x": {"a": "a"}}, False),
        (Plan([Step(CODES, (1, None))]), {"x": ["a", None]}, False),
        (Plan([Step(CODES, (1, None), has_gaps=True)]), {"x": ["a", None]}, True),
        (Plan([Step(CODES, (1, None), has_gaps=True)]), {"x": [None, "c"]}, False),
        (Plan([Step(CODES, (2, 3))]), {"x": ["a"]}, False),
        (Plan([Step(CODES, (2, 3))]), {"x": ["a", "b"]}, True),
        (Plan([Step(CODES, (2, 3))]), {"x": ["a", "b", "a", "b"]}, False),
        (Plan([Step(CODES)], [lambda element: element["x"] == "a"]), {"x": "a"}, True),
        (Plan([Step(CODES)], [lambda element: element["x"] == "a"]), {"x": "b"}, False),
    ],
)
def test_a_plan_has_one_meaning(make: Any, plan: Plan, element: dict[str, Any], *, sound: bool) -> None:
    assert bool(make(plan)(element)) is sound


def test_the_shapes_kept_are_bounded() -> None:
    memory = ShapeMemory(most=20)
    places = [memory.shapes(lambda shape: Plan([Step(calling(bool)) for _ in shape])) for _ in range(3)]
    for shape in permutations("abcde"):
        for shapes in places:
            assert shapes.judge(dict.fromkeys(shape, 1))
            assert sum(len(each.known) for each in places) <= 20


def test_a_shape_met_often_is_generated() -> None:
    shapes = ShapeMemory(meetings=3).shapes(lambda shape: Plan([Step(CODES) for _ in shape]))
    names: list[str] = []
    for code, sound in (("a", True), ("c", False), ("b", True), ("c", False)):
        assert bool(shapes.judge({"x": code})) is sound
        names.append(shapes.known["x",].__name__)
    assert names == ["counted", "counted", "check", "check"]


def test_a_shape_that_is_refused_is_not_kept() -> None:
    def refusing(shape: Shape) -> Plan:
        raise LookupError(shape)

    shapes = ShapeMemory().shapes(refusing)
    for _ in range(2):
        with pytest.raises(LookupError):
            shapes.judge({"x": "a"})
    assert not shapes.known


def test_good_values_are_remembered_within_bounds() -> None:
    asked: list[object] = []

    def judge(value: object) -> bool:
        asked.append(value)
        return value != "bad"

    memory = Memory(judge)
    assert [memory.ask(value) for value in ("good", "good", "bad", "bad")] == [True, True, False, False]
    assert asked == ["good", "bad", "bad"]
    for number in range(MAX_REMEMBERED + 10):
        assert memory.ask(str(number))
        assert len(memory.known) <= MAX_REMEMBERED


def test_only_short_text_is_remembered() -> None:
    memory = Memory(lambda _value: True)
    for value in (1, True, 1.0, None, "a" * (LONGEST_REMEMBERED + 1)):
        assert memory.ask(value)
    assert not memory.known
