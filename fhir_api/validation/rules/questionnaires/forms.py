"""A Questionnaire in itself: conditions that lead somewhere, options and first values of the item's own type.

That linkIds are unique, and what each type of item may have, are invariants (que-1 to que-13).

Spec: https://hl7.org/fhir/R4/questionnaire.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.elements import value_of
from fhir_api.validation.rules.place import Place, Tree, items
from fhir_api.validation.rules.questionnaires.items import VALUE_TYPES, below

_ORDERED: Final = frozenset({"decimal", "integer", "date", "dateTime", "time", "quantity"})


def questionnaire(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check the items of a Questionnaire."""
    known = {item.get("linkId"): item for item in below(resource.get("item"))}
    order = {item.get("linkId"): number for number, item in enumerate(below(resource.get("item")))}
    yield from _items(resource, place, known, order)


def _items(
    parent: Tree, place: Place, known: Mapping[str | None, Tree], order: Mapping[str | None, int]
) -> Iterator[Issue]:
    for item, at in items(parent, "item", place):
        inner = {each.get("linkId") for each in below(item.get("item"))}
        for condition, condition_at in items(item, "enableWhen", at):
            question = known.get(condition.get("question"))
            if question is None:
                yield condition_at.error("not-found", "The questionnaire has no item with this linkId.", "question")
                continue
            yield from _condition(condition, question, condition_at)
            if question is item:
                yield condition_at.error("invalid", "The condition of an item asks about the item itself.", "question")
            elif question.get("linkId") in inner:
                yield condition_at.error("invalid", "The condition asks about an item inside this one.", "question")
            elif order[question.get("linkId")] > order[item.get("linkId")]:
                yield condition_at.warning("invalid", "The condition asks about an item that comes later.", "question")
        yield from _values(item, at)
        yield from _items(item, at, known, order)


def _condition(condition: Tree, question: Tree, at: Place) -> Iterator[Issue]:
    operator, kind = condition.get("operator"), question.get("type", "")
    expected = value_of(condition, "answer")
    if kind in {"group", "display"}:
        yield at.error("invalid", f"The condition asks about a {kind}, which has no answers.", "question")
        return
    if expected is None or operator == "exists":
        return
    allowed = VALUE_TYPES.get(kind, ())
    if expected[0] not in allowed:
        among = " or ".join(allowed)
        yield at.error("value", f"Found an answer of type {expected[0]}, expected {among}, as the question.", "answer")
    elif operator not in {"=", "!="} and kind not in _ORDERED:
        yield at.error("invalid", f"The operator needs values with an order, {kind} has none.", "operator")


def _values(item: Tree, at: Place) -> Iterator[Issue]:
    allowed = VALUE_TYPES.get(item.get("type", ""), ())
    for name in ("answerOption", "initial"):
        for each, each_at in items(item, name, at):
            found = value_of(each)
            if found is not None and allowed and found[0] not in allowed:
                among = " or ".join(allowed)
                yield each_at.error("value", f"Found a value of type {found[0]}, expected {among}.", "value")
