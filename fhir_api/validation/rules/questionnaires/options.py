"""Answers from a list: ``answerOption`` and ``answerValueSet``.

Spec: https://hl7.org/fhir/R4/questionnaire.html#choices
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fhir_api.model.outcome import Issue
from fhir_api.terminology import Terminology
from fhir_api.validation.rules.elements import extension_value, value_of
from fhir_api.validation.rules.place import Place, Tree
from fhir_api.validation.rules.questionnaires.comparing import is_same


def permitted(item: Tree, kind: str, value: Any, terminology: Terminology, at: Place) -> Iterator[Issue]:
    """Check that an answer is one of those the item offers.

    Args:
        item: of the Questionnaire.
        kind: type of the answer.
        value: the answer.
        terminology: that knows the value sets which the item names by ``#id``, too.
        at: place of the answer.
    """
    is_open = item.get("type") == "open-choice" and kind == "string"
    options = [option for each in item.get("answerOption", ()) if (option := value_of(each)) is not None]
    if options and not is_open:
        same_type = [option for of_type, option in options if of_type == kind]
        if not same_type:
            yield at.error("value", f"Found a {kind}, but the item offers no {kind} to choose from.")
        elif not any(is_same(kind, value, option) for option in same_type):
            yield at.error("code-invalid", "The answer is none of those the item offers.")
    value_set = item.get("answerValueSet")
    if value_set is not None and not is_open and kind == "Coding":
        if terminology.member_of(value_set, value) is False:
            yield at.error("code-invalid", "The answer is not in the value set of the item.")
    elif value_set is not None and not is_open:
        yield at.error("value", f"Found a {kind}, expected a Coding of the item's value set.")


def exclusive(item: Tree, answers: Sequence[tuple[Tree, Place]]) -> Iterator[Issue]:
    """Check that an answer that excludes all others stands alone."""
    if len(answers) <= 1:
        return
    for option in item.get("answerOption", ()):
        expected = value_of(option)
        if expected is None or extension_value(option, "questionnaire-optionExclusive") is not True:
            continue
        for answer, at in answers:
            found = value_of(answer)
            if found is not None and found[0] == expected[0] and is_same(*found, expected[1]):
                yield at.error("business-rule", "This answer excludes all others, but there are others.")
