"""A QuestionnaireResponse against its Questionnaire: the same items, in the same order and nesting, answered as asked.

Spec: https://hl7.org/fhir/R4/questionnaireresponse.html#notes
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fhir_api.model.outcome import Issue
from fhir_api.terminology import Terminology
from fhir_api.validation.rules.elements import extension_value
from fhir_api.validation.rules.place import Place, Tree, items
from fhir_api.validation.rules.questionnaires.answers import answers
from fhir_api.validation.rules.questionnaires.comparing import order
from fhir_api.validation.rules.questionnaires.enabling import Given, is_enabled
from fhir_api.validation.rules.questionnaires.items import below

_UNFINISHED = frozenset({"in-progress", "entered-in-error", "stopped"})


class _Form(NamedTuple):
    """The Questionnaire that is answered.

    Attributes:
        link_ids: of all its items.
        terminology: that knows what it contains.
        is_finished: whether the response says that it has all answers.
        given: its answers.
    """

    link_ids: frozenset[str]
    terminology: Terminology
    is_finished: bool
    given: Given


class _Level(NamedTuple):
    """Items of the form that stand beside each other, and where their answers are.

    Attributes:
        items: of the Questionnaire.
        around: the elements of the response that the answers stand in, outermost first.
        place: of the innermost of them.
    """

    items: Sequence[Tree]
    around: tuple[Tree, ...]
    place: Place


def response(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check a QuestionnaireResponse against its Questionnaire, if that is known."""
    canonical = resource.get("questionnaire")
    if canonical is None:
        yield place.information("incomplete", "The response names no questionnaire, so its answers are not checked.")
        return
    questionnaire = _questionnaire(canonical, place)
    if questionnaire is None:
        yield from _unknown(canonical, place)
        return
    if questionnaire.get("resourceType") != "Questionnaire":
        yield place.error("invalid", "The canonical does not lead to a Questionnaire.", "questionnaire")
        return
    link_ids = frozenset(str(item.get("linkId")) for item in below(questionnaire.get("item")))
    # what a contained questionnaire is made of stands beside it
    container = place.owner.container if canonical.startswith("#") else questionnaire
    terminology = place.scene.terminology.within(container)
    form = _Form(link_ids, terminology, resource.get("status") not in _UNFINISHED, Given())
    yield from _period(resource.get("authored"), questionnaire.get("effectivePeriod", {}), place)
    yield from _level(form, _Level(questionnaire.get("item", ()), (resource,), place))


def _period(authored: str | None, period: Tree, place: Place) -> Iterator[Issue]:
    """Check that a response was written while its questionnaire was in use."""
    start, end = period.get("start"), period.get("end")
    if authored is None:
        return
    if start is not None and order("dateTime", authored, start) == -1:
        yield place.warning(
            "business-rule", "The response was written before the questionnaire was in use.", "authored"
        )
    if end is not None and order("dateTime", authored, end) == 1:
        yield place.warning("business-rule", "The response was written after the questionnaire was in use.", "authored")


def _questionnaire(canonical: str, place: Place) -> Tree | None:
    if canonical.startswith("#"):
        return place.owner.contained(canonical[1:])
    found = place.scene.library.find("Questionnaire", canonical)
    if found is not None:
        return found
    others = ("ValueSet", "StructureDefinition", "CodeSystem")
    return next((other for kind in others if (other := place.scene.library.find(kind, canonical)) is not None), None)


def _unknown(canonical: str, place: Place) -> Iterator[Issue]:
    if canonical.startswith("#"):
        return
    diagnostics = "The questionnaire is not known here, so the answers were not checked against it."
    if place.scene.options.requires_questionnaire:
        yield place.error("not-found", diagnostics, "questionnaire")
    else:
        yield place.warning("not-found", diagnostics, "questionnaire")


def _level(form: _Form, level: _Level) -> Iterator[Issue]:
    """Check the items that stand in one element of the response."""
    yield from _known_and_in_order(form, level)
    given: dict[str, list[tuple[Tree, Place]]] = {}
    for item, at in items(level.around[-1], "item", level.place):
        given.setdefault(item.get("linkId", ""), []).append((item, at))
    for definition in level.items:
        found = given.get(definition.get("linkId", ""), [])
        if is_enabled(definition, level.around, form.given):
            yield from _enabled(form, definition, found, level)
        else:
            yield from _disabled(found)


def _known_and_in_order(form: _Form, level: _Level) -> Iterator[Issue]:
    numbers = {item.get("linkId"): number for number, item in enumerate(level.items)}
    last = -1
    for item, at in items(level.around[-1], "item", level.place):
        link_id = item.get("linkId")
        number = numbers.get(link_id)
        if number is None:
            where = "has this linkId, but not here" if link_id in form.link_ids else "has no item with this linkId"
            yield at.error("structure", f"The questionnaire {where}.", "linkId")
        elif number < last:
            yield at.error("structure", "The item stands in another order than in the questionnaire.", "linkId")
        else:
            last = number


def _disabled(found: Sequence[tuple[Tree, Place]]) -> Iterator[Issue]:
    for item, at in found:
        if "answer" in item or "item" in item:
            yield at.error("business-rule", "The item is answered, but other answers disable it (enableWhen).")


def _enabled(form: _Form, definition: Tree, found: Sequence[tuple[Tree, Place]], level: _Level) -> Iterator[Issue]:
    kind = definition.get("type")
    if kind == "display":
        for item, at in found:
            if "answer" in item or "item" in item:
                yield at.error("structure", "The item only shows a text (type display), so it has no answers.")
        return
    repeats = definition.get("repeats") is True
    if len(found) > 1 and not (kind == "group" and repeats):
        # only groups repeat as a whole, questions repeat their answers
        yield found[1][1].error("structure", "The item stands several times, expected it once.")
    if not found:
        yield from _missing(form, definition, level.place)
    for item, at in found:
        if kind == "group":
            yield from _group(form, definition, item, level, at)
        else:
            yield from _question(form, definition, item, level, at)


def _missing(form: _Form, definition: Tree, at: Place) -> Iterator[Issue]:
    least = extension_value(definition, "questionnaire-minOccurs")
    is_required = definition.get("required") is True
    if is_required or (isinstance(least, int) and least > 0):
        diagnostics = f"The required item '{_shown(definition)}' is missing."
        yield at.error("required", diagnostics) if form.is_finished else at.warning("required", diagnostics)


def _group(form: _Form, definition: Tree, item: Tree, level: _Level, at: Place) -> Iterator[Issue]:
    if "answer" in item:
        yield at.error("structure", "The item is a group, so it has no answers itself.")
    if not item.get("item") and definition.get("required") is True and form.is_finished:
        yield at.error("required", "The group is required, but nothing in it is answered.")
    yield from _level(form, _Level(definition.get("item", ()), (*level.around, item), at))


def _question(form: _Form, definition: Tree, item: Tree, level: _Level, at: Place) -> Iterator[Issue]:
    if "item" in item:
        yield at.error("structure", "The item is a question: further items stand in its answers.")
    given = list(items(item, "answer", at))
    if not given:
        yield from _missing(form, definition, at)
    yield from answers(definition, given, form.terminology, at)
    for answer, answer_at in given:
        around = (*level.around, item, answer)
        if definition.get("item") or "item" in answer:
            yield from _level(form, _Level(definition.get("item", ()), around, answer_at))


def _shown(definition: Tree) -> str:
    return str(definition.get("linkId"))[:64]
