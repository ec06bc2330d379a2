"""``enableWhen``: whether an item is to be answered at all.

Spec: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fhir_api.validation.rules.place import Tree
from fhir_api.validation.rules.questionnaires.comparing import is_same, order
from fhir_api.validation.rules.questionnaires.items import value_of

_HOLDS: Final[Mapping[str, Callable[[int], bool]]] = {
    ">": lambda sign: sign > 0,
    "<": lambda sign: sign < 0,
    ">=": lambda sign: sign >= 0,
    "<=": lambda sign: sign <= 0,
}


def is_enabled(item: Tree, around: Sequence[Tree]) -> bool:
    """Tell whether an item of a Questionnaire is enabled.

    Args:
        item: of the Questionnaire.
        around: the elements of the response that its answer stands in, outermost first.
    """
    conditions = item.get("enableWhen", ())
    if not conditions:
        return True
    results = (_holds(condition, _answers(condition.get("question"), around)) for condition in conditions)
    return any(results) if item.get("enableBehavior") == "any" else all(results)


def _answers(link_id: str | None, around: Sequence[Tree]) -> list[Tree]:
    """Return the answers to a question, of all that repeat those that are nearest."""
    for element in reversed(around):
        found: list[Tree] = []
        if _collect(element, link_id, found):
            return found
    return []


def _collect(element: Tree, link_id: str | None, found: list[Tree]) -> bool:
    """Add the answers below an element; tell whether the question is there."""
    is_there = False
    for item in element.get("item", ()):
        if item.get("linkId") == link_id:
            is_there = True
            found.extend(item.get("answer", ()))
        is_there = _collect(item, link_id, found) or is_there
        for answer in item.get("answer", ()):
            is_there = _collect(answer, link_id, found) or is_there
    return is_there


def _holds(condition: Tree, answers: list[Tree]) -> bool:
    expected = value_of(condition, "answer")
    operator = condition.get("operator")
    if expected is None:
        return True
    if operator == "exists":
        return any(value_of(answer) is not None for answer in answers) is expected[1]
    return any(_compares(operator, value_of(answer), expected) for answer in answers)


def _compares(operator: str | None, answer: tuple[str, Any] | None, expected: tuple[str, Any]) -> bool:
    if answer is None or answer[0] != expected[0]:
        return False
    kind, value = answer
    if operator in {"=", "!="}:
        return is_same(kind, value, expected[1]) == (operator == "=")
    sign = order(kind, value, expected[1])
    holds = _HOLDS.get(operator or "")
    return sign is not None and holds is not None and holds(sign)
