"""Random patches: equal to a reference implementation, and undone by their inverses.

Spec: https://hl7.org/fhir/R4/fhirpatch.html, https://www.rfc-editor.org/rfc/rfc6902
"""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from typing import Any

import jsonpatch
import jsonpointer
import orjson
from hypothesis import given
from hypothesis import strategies as st

from fhir_api.model.errors import FhirError
from fhir_api.patching.fhirpath_patch import read_fhirpath_patch
from fhir_api.patching.json_patch import read_json_patch
from fhir_api.patching.xml_patch import read_xml_patch
from tests.support.patches import Tree, operation, parameters

KEYS = st.sampled_from(["a", "b", "~", "/", ""])
SCALARS = st.none() | st.integers(-3, 3) | st.sampled_from(["x", "y", "0"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
POINTERS = st.lists(KEYS | st.sampled_from(["0", "1", "2", "-"]), max_size=3).map(
    lambda steps: "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
)
JSON_OPERATIONS = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(["add", "replace", "test"]), "path": POINTERS, "value": DOCUMENTS}),
    st.fixed_dictionaries({"op": st.just("remove"), "path": POINTERS.filter(bool)}),
    st.fixed_dictionaries({"op": st.sampled_from(["move", "copy"]), "from": POINTERS, "path": POINTERS}),
)
_FAILURES = (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError, IndexError)


@given(document=DOCUMENTS, operations=st.lists(JSON_OPERATIONS, max_size=6))
def test_json_patch_does_what_the_reference_does(document: Any, operations: list[Tree]) -> None:
    # the reference lets a value move onto itself and a place in a string be asked for; neither is what is compared
    for one in operations:
        moves = one["op"] == "move" and one["path"].startswith(one["from"])
        if moves or not one["path"] or one.get("from") == "":
            return
    try:
        expected = jsonpatch.apply_patch(deepcopy(document), operations)
    except _FAILURES:
        expected = None
    try:
        found = orjson.loads(read_json_patch(orjson.dumps(operations)).apply(orjson.dumps(document)))
    except FhirError:
        found = None
    assert found == expected


NAMES = st.fixed_dictionaries(
    {}, optional={"family": st.sampled_from("FGH"), "given": st.lists(st.sampled_from("ABC"), min_size=1, max_size=3)}
).filter(bool)
CHANGES = st.lists(st.tuples(st.sampled_from(["insert", "delete", "move", "replace"]), st.randoms(), NAMES), max_size=6)


def _change(names: list[Tree], kind: str, random: Any, name: Tree) -> tuple[list[Tree], Tree, Tree]:
    """Return the names after a change, the operation that makes it, and the one that undoes it."""
    value, after = {"valueHumanName": name}, list(names)
    if kind == "insert" or not names:
        index = random.randint(0, len(names))
        after.insert(index, name)
        undone = operation("delete", f"Patient.name[{index}]")
        return after, operation("insert", "Patient.name", value=value, index=index), undone
    index, other = random.randrange(len(names)), random.randrange(len(names))
    before = {"valueHumanName": names[index]}
    if kind == "delete":
        del after[index]
        undone = operation("insert", "Patient.name", value=before, index=index)
        return after, operation("delete", f"Patient.name[{index}]"), undone
    if kind == "move":
        after.insert(other, after.pop(index))
        undone = operation("move", "Patient.name", source=other, destination=index)
        return after, operation("move", "Patient.name", source=index, destination=other), undone
    after[index] = name
    path = f"Patient.name[{index}]"
    return after, operation("replace", path, value=value), operation("replace", path, value=before)


def _applied(patient: bytes, *operations: Tree) -> bytes:
    return read_fhirpath_patch(orjson.dumps(parameters(*operations))).apply(patient)


@given(names=st.lists(NAMES, max_size=3), changes=CHANGES)
def test_fhirpath_patch_is_list_arithmetic_and_can_be_undone(names: list[Tree], changes: list[Any]) -> None:
    patient: Tree = {"resourceType": "Patient", "active": True}
    start = orjson.dumps({**patient, "name": names} if names else patient)
    current = names
    done: list[Tree] = []
    undo: list[Tree] = []
    for kind, random, name in changes:
        current, change, inverse = _change(current, kind, random, name)
        done.append(change)
        undo.insert(0, inverse)
    patched = _applied(start, *done)
    assert orjson.loads(patched).get("name", []) == current
    assert orjson.loads(_applied(patched, *undo)) == orjson.loads(start)


@given(families=st.lists(st.sampled_from("FGH"), min_size=1, max_size=4), data=st.data())
def test_all_formats_agree(families: list[str], data: st.DataObject) -> None:
    patient = orjson.dumps({"resourceType": "Patient", "name": [{"family": family} for family in families]})
    index = data.draw(st.integers(0, len(families) - 1))
    is_removed = data.draw(st.booleans())
    if is_removed:
        as_json = {"op": "remove", "path": f"/name/{index}/family"}
        as_fhirpath = operation("delete", f"Patient.name[{index}].family")
        as_xml = f'<remove sel="f:Patient/f:name[{index + 1}]"/>'
        as_json["path"] = f"/name/{index}"
        if len(families) == 1:
            as_json["path"] = "/name"
    else:
        as_json = {"op": "replace", "path": f"/name/{index}/family", "value": "Z"}
        as_fhirpath = operation("replace", f"Patient.name[{index}].family", value={"valueString": "Z"})
        as_xml = f'<replace sel="f:Patient/f:name[{index + 1}]/f:family/@value">Z</replace>'
    if is_removed and len(families) == 1:
        return  # XML has no resource without content
    results = [
        read_json_patch(orjson.dumps([as_json])).apply(patient),
        _applied(patient, as_fhirpath),
        read_xml_patch(f'<diff xmlns:f="http://hl7.org/fhir">{as_xml}</diff>'.encode()).apply(patient),
    ]
    assert orjson.loads(results[0]) == orjson.loads(results[1]) == orjson.loads(results[2])


HOSTILE = st.recursive(
    SCALARS | st.sampled_from(["operation", "Patient.name", "add", "delete", "Patient.name.given", "name"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "part",
                    "valueString",
                    "_valueString",
                    "valueHumanName",
                    "resource",
                    "resourceType",
                    "given",
                    "id",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    value=st.dictionaries(st.sampled_from(["valueHumanName", "part", "resource", "_valueString"]), HOSTILE),
    path=st.sampled_from(["Patient", "Patient.name[0]", "Patient.name[0].given[0]"]),
    name=st.sampled_from(["name", "given", "contained", "extension", "contact"]),
)
def test_no_value_breaks_the_server(path: str, name: str, value: Tree) -> None:
    patient = b'{"resourceType":"Patient","name":[{"given":["A"]}]}'
    for change in (operation("add", path, name=name, value=value), operation("replace", path, value=value)):
        with suppress(FhirError):
            _applied(patient, change, operation("delete", "Patient.descendants().where($this = 'x').first()"))
