"""``enableWhen``: whether an item is to be answered at all.

Spec: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fhir_api.validation.rules.elements import value_of
from fhir_api.validation.rules.place import Tree
from fhir_api.validation.rules.questionnaires.comparing import is_same, order

_HOLDS: Final[Mapping[str, Callable[[int], bool]]] = {
    ">": lambda sign: sign > 0,
    "<": lambda sign: sign < 0,
    ">=": lambda sign: sign >= 0,
    "<=": lambda sign: sign <= 0,
}


class Given:
    """The answers of a response by question, found once for each element that is asked about."""

    def __init__(self) -> None:
        self._by_element: dict[int, Mapping[str | None, list[Tree]]] = {}

    def nearest(self, link_id: str | None, around: Sequence[Tree]) -> list[Tree]:
        """Return the answers to a question; of all that repeat, those that are nearest.

        Args:
            link_id: of the question.
            around: elements of the response, outermost first.
        """
        for element in reversed(around):
            answers = self._below(element).get(link_id)
            if answers is not None:
                return answers
        return []

    def _below(self, element: Tree) -> Mapping[str | None, list[Tree]]:
        known = self._by_element.get(id(element))
        if known is None:
            found: dict[str | None, list[Tree]] = {}
            _collect(element, found)
            known = self._by_element[id(element)] = found
        return known


def _collect(element: Tree, found: dict[str | None, list[Tree]]) -> None:
    for item in element.get("item", ()):
        answers = item.get("answer", ())
        found.setdefault(item.get("linkId"), []).extend(answers)
        _collect(item, found)
        for answer in answers:
            _collect(answer, found)


def is_enabled(item: Tree, around: Sequence[Tree], given: Given) -> bool:
    """Tell whether an item of a Questionnaire is enabled.

    Args:
        item: of the Questionnaire.
        around: the elements of the response that its answer stands in, outermost first.
        given: the answers of the response.
    """
    conditions = item.get("enableWhen", ())
    if not conditions:
        return True
    results = (_holds(condition, given.nearest(condition.get("question"), around)) for condition in conditions)
    return any(results) if item.get("enableBehavior") == "any" else all(results)


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
