"""The answers to one question: how many, of which type, within which limits.

Spec: https://hl7.org/fhir/R4/questionnaireresponse-definitions.html#QuestionnaireResponse.item.answer.value_x_
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fhir_api.model.outcome import Issue
from fhir_api.terminology import Terminology
from fhir_api.validation.rules.elements import extension_value, value_of
from fhir_api.validation.rules.place import Place, Tree
from fhir_api.validation.rules.questionnaires.items import VALUE_TYPES
from fhir_api.validation.rules.questionnaires.limits import limits
from fhir_api.validation.rules.questionnaires.options import exclusive, permitted


def answers(
    definition: Tree, given: Sequence[tuple[Tree, Place]], terminology: Terminology, at: Place
) -> Iterator[Issue]:
    """Check the answers to one question.

    Args:
        definition: its item in the Questionnaire.
        given: each answer with its place.
        terminology: that knows what the questionnaire contains.
        at: place of the item that has the answers.
    """
    yield from _number(definition, len(given), at)
    for answer, answer_at in given:
        found = value_of(answer)
        if found is not None:
            yield from _answer(definition, *found, terminology, answer_at.at("value"))
    yield from exclusive(definition, given)


def _number(definition: Tree, number: int, at: Place) -> Iterator[Issue]:
    least = extension_value(definition, "questionnaire-minOccurs")
    most = extension_value(definition, "questionnaire-maxOccurs")
    if number > 1 and definition.get("repeats") is not True:
        yield at.error("structure", f"Found {number} answers, expected one: the question does not repeat.")
    elif isinstance(most, int) and number > most:
        yield at.error("structure", f"Found {number} answers, expected at most {most}.")
    if isinstance(least, int) and 0 < number < least:
        yield at.error("required", f"Found {number} answers, expected at least {least}.")


def _answer(definition: Tree, kind: str, value: Any, terminology: Terminology, at: Place) -> Iterator[Issue]:
    expected = VALUE_TYPES.get(definition.get("type", ""), ())
    if kind not in expected:
        among = " or ".join(expected) or "no answer"
        yield at.error("structure", f"Found an answer of type {kind}, expected {among}.")
        return
    yield from permitted(definition, kind, value, terminology, at)
    yield from limits(definition, kind, value, terminology, at)
