"""Spec: https://hl7.org/fhir/R4/fhirpatch.html."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.patching import errors
from fhir_api.patching.fhirpath_patch import read_fhirpath_patch
from tests.support.patches import Tree, operation, parameters

EXTENSION = {"url": "http://x", "valueString": "y"}
EXTENSION_PARTS = {"part": [{"name": "url", "valueUri": "http://x"}, {"name": "value", "valueString": "y"}]}


def patched(resource: Tree, *operations: Tree) -> Tree:
    patch = read_fhirpath_patch(orjson.dumps(parameters(*operations)))
    result: Tree = orjson.loads(patch.apply(orjson.dumps(resource)))
    return result


def patient(**elements: Any) -> Tree:
    return {"resourceType": "Patient", "id": "a", **elements}


def observation(**elements: Any) -> Tree:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **elements}


def refusal(resource: Tree, *operations: Tree) -> FhirError:
    with pytest.raises(FhirError) as refused:
        patched(resource, *operations)
    return refused.value


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        (
            {"name": [{"given": ["A", "B"]}]},
            operation("delete", "Patient.name.given[1]"),
            {"name": [{"given": ["A"]}]},
        ),
        (
            {"name": [{"given": ["A", "B"]}]},
            operation("replace", "Patient.name.given.where($this = 'B')", value={"valueString": "C"}),
            {"name": [{"given": ["A", "C"]}]},
        ),
        (
            {"name": [{"given": ["A", "B"], "use": "usual"}, {"given": ["A"]}]},
            operation("insert", "Patient.name.where(use = 'usual').given", index=1, value={"valueString": "X"}),
            {"name": [{"given": ["A", "X", "B"], "use": "usual"}, {"given": ["A"]}]},
        ),
        (
            {"name": [{"given": ["A", "B", "C"]}]},
            operation("move", "Patient.name.given", source=2, destination=0),
            {"name": [{"given": ["C", "A", "B"]}]},
        ),
        (
            {},
            operation("insert", "Patient.name", index=0, value={"valueHumanName": {"family": "F"}}),
            {"name": [{"family": "F"}]},
        ),
        ({"name": [{"family": "F"}]}, operation("delete", "Patient.name.family"), {}),
        ({"gender": "male"}, operation("delete", "Patient.birthDate"), {"gender": "male"}),
        (
            {"birthDate": "2020"},
            operation("add", "Patient.birthDate", name="extension", value=EXTENSION_PARTS),
            {"birthDate": "2020", "_birthDate": {"extension": [EXTENSION]}},
        ),
        (
            {"multipleBirthInteger": 2},
            operation("replace", "Patient.multipleBirth", value={"valueBoolean": True}),
            {"multipleBirthBoolean": True},
        ),
        (
            {},
            operation("add", "Patient", name="deceased", value={"valueDateTime": "2020"}),
            {"deceasedDateTime": "2020"},
        ),
        (
            {},
            operation("add", "Patient", name="birthDate", value={"_valueDate": {"extension": [EXTENSION]}}),
            {"_birthDate": {"extension": [EXTENSION]}},
        ),
        (
            {"_birthDate": {"extension": [EXTENSION]}},
            operation("delete", "Patient.birthDate.extension"),
            {},
        ),
        (
            {"birthDate": "2020", "_birthDate": {"extension": [EXTENSION]}},
            operation("replace", "Patient.birthDate", value={"valueDate": "2021"}),
            {"birthDate": "2021"},
        ),
        (
            {},
            operation("add", "Patient", name="contained", value={"resource": {"resourceType": "Device", "id": "d"}}),
            {"contained": [{"resourceType": "Device", "id": "d"}]},
        ),
        (
            {"contained": [{"resourceType": "Device", "id": "d"}]},
            operation("add", "Patient.contained[0]", name="status", value={"valueCode": "active"}),
            {"contained": [{"resourceType": "Device", "id": "d", "status": "active"}]},
        ),
        (
            {"extension": [EXTENSION, {"url": "http://z", "valueCode": "c"}]},
            operation("replace", "Patient.extension('http://z').value", value={"valueString": "s"}),
            {"extension": [EXTENSION, {"url": "http://z", "valueString": "s"}]},
        ),
    ],
)
def test_each_operation_changes_its_place_only(before: Tree, change: Tree, after: Tree) -> None:
    assert patched(patient(**before), change) == patient(**after)


def test_extensions_stay_with_their_item_of_a_list() -> None:
    name = {"given": ["A", "B", "C"], "_given": [None, {"extension": [EXTENSION]}, None]}
    moved = patched(patient(name=[name]), operation("move", "Patient.name.given", source=1, destination=0))
    assert moved["name"] == [{"given": ["B", "A", "C"], "_given": [{"extension": [EXTENSION]}, None, None]}]
    left = patched(patient(name=[name]), operation("delete", "Patient.name.given[1]"))
    assert left["name"] == [{"given": ["A", "C"]}]
    alone = patched(patient(name=[name]), operation("delete", "Patient.name.given[0]"))
    assert alone["name"] == [{"given": ["B", "C"], "_given": [{"extension": [EXTENSION]}, None]}]


def test_parts_make_elements_of_every_depth() -> None:
    link = [
        {"name": "other", "valueReference": {"reference": "Patient/b"}},
        {"name": "type", "valueCode": "seealso"},
    ]
    contact = [
        {"name": "name", "part": [{"name": "given", "valueString": "A"}, {"name": "given", "valueString": "B"}]},
        {"name": "gender", "valueCode": "female"},
    ]
    result = patched(
        patient(),
        operation("add", "Patient", name="link", value={"part": link}),
        operation("add", "Patient", name="contact", value={"part": contact}),
    )
    assert result["link"] == [{"other": {"reference": "Patient/b"}, "type": "seealso"}]
    assert result["contact"] == [{"name": {"given": ["A", "B"]}, "gender": "female"}]


def test_later_operations_see_what_earlier_ones_made() -> None:
    result = patched(
        patient(),
        operation("add", "Patient", name="name", value={"valueHumanName": {"given": ["A"]}}),
        operation("add", "Patient.name[0]", name="given", value={"valueString": "B"}),
        operation("replace", "Patient.name.given[0]", value={"valueString": "Z"}),
        operation("delete", "Patient.name.given.where($this = 'B')"),
    )
    assert result["name"] == [{"given": ["Z"]}]


def test_a_patch_can_be_applied_again() -> None:
    patch = read_fhirpath_patch(
        orjson.dumps(
            parameters(
                operation("add", "Patient", name="name", value={"valueHumanName": {"given": ["A"]}}),
                operation("add", "Patient.name[0]", name="given", value={"valueString": "B"}),
            )
        )
    )
    first, second = (patch.apply(b'{"resourceType":"Patient"}') for _ in range(2))
    assert first == second


@pytest.mark.parametrize("number", [b"72.50", b"1.0", b"0.10", b"100"])
def test_decimals_keep_their_digits(number: bytes) -> None:
    resource = b'{"resourceType":"Observation","valueQuantity":{"value":%b},"status":"final"}' % number
    change = parameters(operation("replace", "Observation.status", value={"valueCode": "amended"}))
    assert b'"value":%b}' % number in read_fhirpath_patch(orjson.dumps(change)).apply(resource)
    value = operation("replace", "Observation.value.value", value={"valueDecimal": "@"})
    patch = orjson.dumps(parameters(value)).replace(b'"@"', number)
    assert b'"value":%b}' % number in read_fhirpath_patch(patch).apply(resource.replace(number, b"3"))


NAMES = [{"given": ["A", "B"]}, {"given": ["C"]}]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (operation("replace", "Patient.name.given", value={"valueString": "X"}), "to one element, found 3"),
        (operation("delete", "Patient.name"), "to one element, found 2"),
        (operation("replace", "Patient.birthDate", value={"valueDate": "2020"}), "to one element, found 0"),
        (operation("replace", "Patient", value={"resource": {"resourceType": "Patient"}}), "gives something else"),
        (operation("delete", "Patient.name.count()"), "gives something else"),
        (operation("add", "'x'", name="id", value={"valueString": "x"}), "gives something else"),
        (operation("delete", "Patient.nickname"), "found 'nickname'"),
        (operation("delete", "Patient.name["), "line 1, column 14"),
        (operation("add", "Patient", name="gender", value={"valueCode": "male"}), "'gender' is there already"),
        (operation("add", "Patient", name="deceased", value={"valueBoolean": True}), "'deceased' is there already"),
        (operation("add", "Patient", name="shoeSize", value={"valueInteger": 44}), "an element of Patient"),
        (operation("add", "Patient", name="name", value={"valueString": "x"}), "type HumanName, found string"),
        (operation("add", "Patient", name="active", value={"valueString": "x"}), "type boolean, found string"),
        (operation("add", "Patient", name="birthDate", value={"part": []}), "type date, found parts"),
        (operation("add", "Patient", name="multipleBirth", value={"valueString": "x"}), "boolean or integer"),
        (operation("add", "Patient", name="contained", value={"valueString": "x"}), "type Resource, found string"),
        (operation("add", "Patient", name="contact", value={"part": [{"name": "x", "valueCode": "x"}]}), "found 'x'"),
        (operation("insert", "Patient.name", index=3, value={"valueHumanName": {}}), "at most 2, found 3"),
        (operation("insert", "Patient.gender", index=0, value={"valueCode": "male"}), "'gender' is none"),
        (operation("insert", "Patient.name[0]", index=0, value={"valueHumanName": {}}), "ends in the name of a list"),
        (operation("insert", "Patient.name.given", index=0, value={"valueString": "X"}), "to one element, found 2"),
        (operation("move", "Patient.name", source=2, destination=0), "below 2, found 2"),
        (operation("move", "Patient.name", source=0, destination=5), "below 2, found 5"),
        (operation("move", "Patient.telecom", source=0, destination=0), "below 0, found 0"),
        (operation("replace", "Patient.name[0]", value={"valueHumanName": "text"}), "type HumanName"),
        (
            operation("replace", "Patient.name[0]", value={"valueHumanName": {"given": ["A"], "_given": 5}}),
            "arrays both",
        ),
    ],
)
def test_an_operation_that_cannot_be_done_is_named(change: Tree, reason: str) -> None:
    sound = operation("replace", "Patient.gender", value={"valueCode": "other"})
    error = refusal(patient(name=NAMES, gender="male", deceasedDateTime="2020"), sound, change)
    assert error.kind is ErrorKind.UNPROCESSABLE
    assert str(error).startswith(f"Operation 1 ({change['part'][0]['valueCode']}) of the patch: ")
    assert reason in str(error)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "operation"}, "expected an array of parts"),
        ({"name": "other", "part": []}, "a parameter named 'operation'"),
        (5, "a parameter named 'operation'"),
        ({"name": "operation", "part": [5]}, "a part with a name"),
        (operation("blow", "Patient"), "expected 'type' to be one of add, insert, delete, replace, move"),
        (operation("add", "Patient", name="x"), "add needs a part 'value'"),
        (operation("delete", "Patient", name="x"), "delete takes no part 'name'"),
        (operation("move", "Patient.name", source=1), "move needs a part 'destination'"),
        (operation("insert", "Patient.name", index=-1, value={"valueString": "x"}), "a valueInteger from 0"),
        (operation("add", "Patient", name="x", value={}), "expected one value[x], a resource, or parts"),
        (operation("add", "Patient", name="x", value={"valueString": "x", "valueCode": "y"}), "expected one value[x]"),
        (operation("add", "Patient", name="x", value={"valueNothing": "x"}), "expected one value[x]"),
        (operation("add", "Patient", name="x", value={"valueString": "x", "_valueString": 5}), "expected one value[x]"),
    ],
)
def test_what_is_no_operation_is_refused_with_its_place(change: Any, reason: str) -> None:
    with pytest.raises(FhirError) as refused:
        read_fhirpath_patch(orjson.dumps(parameters(operation("delete", "Patient.name"), change)))
    assert refused.value.kind is ErrorKind.MALFORMED
    assert reason in str(refused.value)
    assert refused.value.issues[0].expressions[0].startswith("Parameters.parameter[1]")


@pytest.mark.parametrize(
    "body", [b"[]", b"5", b'{"resourceType":"Patient"}', b'{"resourceType":"Parameters","parameter":5}']
)
def test_what_is_no_fhirpath_patch_is_refused(body: bytes) -> None:
    with pytest.raises(FhirError) as refused:
        read_fhirpath_patch(body)
    assert refused.value.kind is ErrorKind.MALFORMED


def test_a_result_that_grows_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "LARGEST_RESULT", 1000)
    grow = operation("add", "Patient", name="name", value={"valueHumanName": {"text": "x" * 100}})
    assert refusal(patient(), *[grow] * 10).kind is ErrorKind.TOO_LARGE


def test_errors_do_not_show_what_the_path_compares_with() -> None:
    error = refusal(patient(), operation("replace", "Patient.name.where(family = 'Secret'", value={"valueCode": "x"}))
    assert "Secret" not in str(error)
