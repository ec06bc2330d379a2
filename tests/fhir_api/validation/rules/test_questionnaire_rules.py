"""Questionnaires in themselves, and the answers given to them."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.validation.rules import Options
from tests.support.rules import Told, errors, told

URL = "http://example.org/Questionnaire/q"
EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
UCUM = "http://unitsofmeasure.org"
Item = dict[str, Any]


def questionnaire(*items: Item, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "url": URL, "status": "active", "item": list(items), **elements}


def item(link_id: str, kind: str, *items: Item, **elements: Any) -> Item:
    return {"linkId": link_id, "type": kind, **({"item": list(items)} if items else {}), **elements}


def limited(kind: str, *limits: dict[str, Any], **elements: Any) -> dict[str, Any]:
    extensions = [
        {**limit, "url": limit["url"] if ":" in limit["url"] else EXTENSION + limit["url"]} for limit in limits
    ]
    return questionnaire(item("a", kind, extension=extensions, **elements))


def response(*items: Item, status: str = "completed", **elements: Any) -> dict[str, Any]:
    given = {"questionnaire": URL, "status": status, **elements}
    return {"resourceType": "QuestionnaireResponse", **given, "item": list(items)}


def answered(link_id: str, *values: Item, **elements: Any) -> Item:
    return {"linkId": link_id, "answer": list(values), **elements}


def places(given: dict[str, Any], form: dict[str, Any], **options: Any) -> set[str]:
    found = errors(given, form, **options)
    assert {rule for rule, _ in found} <= {"questionnaire-response"}
    return {place.removeprefix("QuestionnaireResponse.") for _, place in found}


NESTED = questionnaire(
    item("g", "group", item("a", "string", required=True), item("b", "boolean", item("c", "integer")), repeats=True),
    item("d", "display"),
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (response({"linkId": "g", "item": [answered("a", {"valueString": "x"})]}, {"linkId": "d"}), set()),
        (response(*[{"linkId": "g", "item": [answered("a", {"valueString": "x"})]}] * 2), set()),
        (response({"linkId": "g", "item": [answered("b", {"valueBoolean": True})]}), {"item[0]"}),
        (response({"linkId": "x"}), {"item[0].linkId"}),
        (response(answered("a", {"valueString": "x"})), {"item[0].linkId"}),
        (response({"linkId": "d"}, {"linkId": "g", "item": [answered("a", {"valueString": "x"})]}), {"item[1].linkId"}),
        (response(answered("d", {"valueString": "x"})), {"item[0]"}),
        (response(answered("g", {"valueString": "x"}, item=[answered("a", {"valueString": "x"})])), {"item[0]"}),
        (
            response(
                {
                    "linkId": "g",
                    "item": [
                        answered("a", {"valueString": "x"}),
                        answered("b", {"valueBoolean": True, "item": [answered("c", {"valueInteger": 1})]}),
                    ],
                }
            ),
            set(),
        ),
        (
            response(
                {
                    "linkId": "g",
                    "item": [
                        answered("a", {"valueString": "x"}),
                        answered("b", {"valueBoolean": True}, item=[answered("c", {"valueInteger": 1})]),
                    ],
                }
            ),
            {"item[0].item[1]"},
        ),
        (response({"linkId": "g", "item": [answered("a")]}), {"item[0].item[0]"}),
    ],
)
def test_items_are_those_of_the_questionnaire(given: dict[str, Any], expected: set[str]) -> None:
    assert places(given, NESTED) == expected


def test_what_is_not_finished_may_lack_answers() -> None:
    form = questionnaire(item("a", "string", required=True))
    assert errors(response(), form) == {("questionnaire-response", "QuestionnaireResponse")}
    assert told(response(status="in-progress"), form) == {
        Told("warning", "questionnaire-response", "QuestionnaireResponse")
    }


@pytest.mark.parametrize("kind", ["boolean", "decimal", "integer", "date", "dateTime", "time", "string", "text", "url"])
def test_an_answer_has_the_type_of_its_item(kind: str) -> None:
    value = {"date": "2020-01-01", "dateTime": "2020-01-01", "time": "10:00:00", "boolean": True}.get(kind, 1)
    name = {"text": "valueString", "url": "valueUri"}.get(kind, f"value{kind[0].upper()}{kind[1:]}")
    value = "urn:oid:1.2" if kind in {"string", "text", "url"} else value
    form = questionnaire(item("a", kind))
    assert places(response(answered("a", {name: value})), form) == set()
    assert places(response(answered("a", {"valueCoding": {"code": "x"}})), form) == {"item[0].answer[0].value"}


def test_only_what_repeats_has_several_answers() -> None:
    given = response(answered("a", {"valueInteger": 1}, {"valueInteger": 2}))
    assert places(given, questionnaire(item("a", "integer"))) == {"item[0]"}
    assert places(given, questionnaire(item("a", "integer", repeats=True))) == set()
    twice = response(*[answered("a", {"valueInteger": 1})] * 2)
    assert places(twice, questionnaire(item("a", "integer", repeats=True))) == {"item[1]"}


@pytest.mark.parametrize(
    ("form", "answer", "is_refused"),
    [
        (limited("integer", {"url": "minValue", "valueInteger": 3}), {"valueInteger": 2}, True),
        (limited("integer", {"url": "minValue", "valueInteger": 3}), {"valueInteger": 3}, False),
        (limited("decimal", {"url": "maxValue", "valueDecimal": 3.5}), {"valueDecimal": 3.6}, True),
        (limited("decimal", {"url": "maxDecimalPlaces", "valueInteger": 1}), {"valueDecimal": 3.25}, True),
        (limited("decimal", {"url": "maxDecimalPlaces", "valueInteger": 1}), {"valueDecimal": 3.5}, False),
        (limited("date", {"url": "maxValue", "valueDate": "2022-06"}), {"valueDate": "2022-06-30"}, False),
        (limited("date", {"url": "maxValue", "valueDate": "2022-06"}), {"valueDate": "2022-07-01"}, True),
        (limited("time", {"url": "minValue", "valueTime": "08:00:00"}), {"valueTime": "07:59:59"}, True),
        (limited("string", maxLength=2), {"valueString": "abc"}, True),
        (limited("string", {"url": "minLength", "valueInteger": 4}), {"valueString": "abc"}, True),
        (limited("string", {"url": "regex", "valueString": "[a-c]+"}), {"valueString": "abcd"}, True),
        (limited("string", {"url": "regex", "valueString": "[a-c]+"}), {"valueString": "abc"}, False),
        (limited("string", {"url": "regex", "valueString": "("}), {"valueString": "abc"}, False),
        (limited("attachment", {"url": "mimeType", "valueCode": "image/png"}), {"contentType": "image/gif"}, True),
        (limited("attachment", {"url": "maxSize", "valueDecimal": 1}), {"size": 1048577}, True),
        (limited("attachment", {"url": "maxSize", "valueDecimal": 1}), {"size": 1048576}, False),
        (
            limited("reference", {"url": "questionnaire-referenceResource", "valueCode": "Patient"}),
            {"reference": "Group/1"},
            True,
        ),
    ],
)
def test_an_answer_keeps_the_limits_of_its_item(form: dict[str, Any], answer: dict[str, Any], is_refused: bool) -> None:
    kind = form["item"][0]["type"]
    if kind in {"attachment", "reference"}:
        answer = {f"value{kind.capitalize()}": answer}
    found = places(response(answered("a", answer)), form)
    assert found == ({"item[0].answer[0].value"} if is_refused else set())


QUANTITY_LIMIT = {
    "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-maxQuantity",
    "valueQuantity": {"value": 5, "system": UCUM, "code": "km"},
}
UNIT = {"url": "questionnaire-unitOption", "valueCoding": {"system": UCUM, "code": "kg"}}


@pytest.mark.parametrize(
    ("form", "code", "value", "is_refused"),
    [
        (limited("quantity", QUANTITY_LIMIT), "m", 4999, False),
        (limited("quantity", QUANTITY_LIMIT), "m", 5001, True),
        (limited("quantity", QUANTITY_LIMIT), "kg", 1, True),
        (limited("quantity", UNIT), "kg", 1, False),
        (limited("quantity", UNIT), "m", 1, True),
    ],
)
def test_quantities_are_compared_across_units(form: dict[str, Any], code: str, value: int, is_refused: bool) -> None:
    given = response(answered("a", {"valueQuantity": {"value": value, "system": UCUM, "code": code}}))
    assert bool(places(given, form)) == is_refused


SYSTEM = "http://example.org/cs"
OPTIONS = [
    {"valueCoding": {"system": SYSTEM, "code": "x"}},
    {"valueString": "y"},
    {
        "valueCoding": {"system": SYSTEM, "code": "none"},
        "extension": [{"url": f"{EXTENSION}questionnaire-optionExclusive", "valueBoolean": True}],
    },
]


@pytest.mark.parametrize(
    ("kind", "answers", "expected"),
    [
        ("choice", [{"valueCoding": {"system": SYSTEM, "code": "x"}}], set()),
        ("choice", [{"valueCoding": {"system": SYSTEM, "code": "z"}}], {"item[0].answer[0].value"}),
        ("choice", [{"valueCoding": {"system": "urn:oid:1.2", "code": "x"}}], {"item[0].answer[0].value"}),
        ("choice", [{"valueString": "y"}], set()),
        ("choice", [{"valueString": "z"}], {"item[0].answer[0].value"}),
        ("choice", [{"valueInteger": 1}], {"item[0].answer[0].value"}),
        ("open-choice", [{"valueString": "z"}], set()),
        ("open-choice", [{"valueCoding": {"system": SYSTEM, "code": "z"}}], {"item[0].answer[0].value"}),
        (
            "choice",
            [{"valueString": "y"}, {"valueCoding": {"system": SYSTEM, "code": "none"}}],
            {"item[0].answer[1]"},
        ),
    ],
)
def test_a_choice_is_one_of_the_options(kind: str, answers: list[Item], expected: set[str]) -> None:
    form = questionnaire(item("a", kind, answerOption=OPTIONS, repeats=True))
    assert places(response(answered("a", *answers)), form) == expected


VALUE_SET = {
    "resourceType": "ValueSet",
    "id": "v",
    "url": "http://example.org/vs",
    "status": "active",
    "compose": {"include": [{"system": SYSTEM, "concept": [{"code": "x"}]}]},
}


@pytest.mark.parametrize("canonical", ["#v", VALUE_SET["url"]])
@pytest.mark.parametrize(("code", "is_refused"), [("x", False), ("z", True)])
def test_a_choice_is_in_the_value_set(canonical: str, code: str, is_refused: bool) -> None:
    form = questionnaire(item("a", "choice", answerValueSet=canonical), contained=[VALUE_SET])
    given = response(answered("a", {"valueCoding": {"system": SYSTEM, "code": code}}))
    assert bool(errors(given, form, VALUE_SET)) == is_refused


def condition(operator: str, question: str = "a", **answer: Any) -> dict[str, Any]:
    return {"question": question, "operator": operator, **answer}


@pytest.mark.parametrize(
    ("conditions", "behavior", "value", "is_enabled"),
    [
        ([condition("=", answerInteger=1)], None, 1, True),
        ([condition("=", answerInteger=1)], None, 2, False),
        ([condition("!=", answerInteger=1)], None, 2, True),
        ([condition(">", answerInteger=1)], None, 2, True),
        ([condition("<=", answerInteger=1)], None, 2, False),
        ([condition("exists", answerBoolean=True)], None, 1, True),
        ([condition("exists", answerBoolean=True)], None, None, False),
        ([condition("exists", answerBoolean=False)], None, None, True),
        ([condition("=", answerInteger=1)], None, None, False),
        ([condition("=", answerInteger=1), condition("=", answerInteger=2)], "any", 2, True),
        ([condition("=", answerInteger=1), condition("=", answerInteger=2)], "all", 2, False),
    ],
)
def test_only_enabled_items_are_answered(
    conditions: list[dict[str, Any]], behavior: str | None, value: int | None, is_enabled: bool
) -> None:
    enabling = {"enableWhen": conditions, **({"enableBehavior": behavior} if behavior else {})}
    form = questionnaire(item("a", "integer"), item("b", "string", required=True, **enabling))
    first = [answered("a", {"valueInteger": value})] if value is not None else []
    with_answer = response(*first, answered("b", {"valueString": "x"}))
    assert bool(errors(with_answer, form)) != is_enabled
    assert bool(errors(response(*first), form)) == is_enabled


def test_a_condition_looks_at_the_nearest_answers() -> None:
    enabling = {"enableWhen": [condition("=", answerBoolean=True)]}
    form = questionnaire(item("g", "group", item("a", "boolean"), item("b", "string", **enabling), repeats=True))
    yes, no = (answered("a", {"valueBoolean": value}) for value in (True, False))
    then = answered("b", {"valueString": "x"})
    assert places(response({"linkId": "g", "item": [yes, then]}, {"linkId": "g", "item": [no]}), form) == set()
    assert places(response({"linkId": "g", "item": [yes]}, {"linkId": "g", "item": [no, then]}), form) == {
        "item[1].item[1]"
    }


def test_an_unknown_questionnaire_is_told() -> None:
    given = response(answered("a", {"valueInteger": 1}))
    place = "QuestionnaireResponse.questionnaire"
    assert told(given) == {Told("warning", "questionnaire-response", place)}
    strict = Options(requires_questionnaire=True)
    assert told(given, options=strict) == {Told("error", "questionnaire-response", place)}
    other = {"resourceType": "ValueSet", "url": URL, "status": "active"}
    assert told(given, other) == {Told("error", "questionnaire-response", place)}


def test_a_contained_questionnaire_counts() -> None:
    form = {**questionnaire(item("a", "integer")), "id": "q"}
    given = response(answered("b", {"valueInteger": 1}), questionnaire="#q", contained=[form])
    assert errors(given) == {("questionnaire-response", "QuestionnaireResponse.item[0].linkId")}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            questionnaire(item("a", "integer"), item("b", "string", enableWhen=[condition(">", answerInteger=1)])),
            set(),
        ),
        (
            questionnaire(item("a", "integer"), item("b", "string", enableWhen=[condition("=", "x", answerInteger=1)])),
            {("error", "Questionnaire.item[1].enableWhen[0].question")},
        ),
        (
            questionnaire(item("a", "integer"), item("b", "string", enableWhen=[condition("=", answerString="x")])),
            {("error", "Questionnaire.item[1].enableWhen[0].answer")},
        ),
        (
            questionnaire(item("a", "string"), item("b", "string", enableWhen=[condition(">", answerString="x")])),
            {("error", "Questionnaire.item[1].enableWhen[0].operator")},
        ),
        (
            questionnaire(item("b", "string", enableWhen=[condition("=", answerInteger=1)]), item("a", "integer")),
            {("warning", "Questionnaire.item[0].enableWhen[0].question")},
        ),
        (
            questionnaire(item("b", "group", item("a", "integer"), enableWhen=[condition("=", answerInteger=1)])),
            {("error", "Questionnaire.item[0].enableWhen[0].question")},
        ),
        (
            questionnaire(item("a", "boolean", initial=[{"valueString": "x"}])),
            {("error", "Questionnaire.item[0].initial[0].value")},
        ),
    ],
)
def test_a_questionnaire_in_itself(form: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert {(each.severity, each.place) for each in told(form)} == expected


def test_a_pattern_that_cannot_be_used_is_told_once() -> None:
    extensions = [{"url": f"{EXTENSION}regex", "valueString": "("}]
    form = questionnaire(item("a", "string", repeats=True, extension=extensions))
    given = response(answered("a", *[{"valueString": "x"}] * 9))
    place = "QuestionnaireResponse.item[0].answer[0].value"
    assert told(given, form) == {Told("warning", "questionnaire-response", place)}


@pytest.mark.parametrize(("authored", "is_outside"), [("2021-12-31", True), ("2022-06", False), ("2024-01-01", True)])
def test_a_response_is_written_while_the_questionnaire_is_in_use(authored: str, is_outside: bool) -> None:
    form = questionnaire(item("a", "integer"), effectivePeriod={"start": "2022", "end": "2023-12"})
    found = told(response(answered("a", {"valueInteger": 1}), authored=authored), form)
    expected = {Told("warning", "questionnaire-response", "QuestionnaireResponse.authored")}
    assert found == (expected if is_outside else set())


def test_what_a_contained_questionnaire_names_stands_beside_it() -> None:
    form = {**questionnaire(item("a", "choice", answerValueSet="#v")), "id": "q"}
    for code, is_refused in (("x", False), ("z", True)):
        choice = answered("a", {"valueCoding": {"system": SYSTEM, "code": code}})
        assert bool(errors(response(choice, questionnaire="#q", contained=[form, VALUE_SET]))) == is_refused
