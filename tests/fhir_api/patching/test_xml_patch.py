"""Spec: https://www.rfc-editor.org/rfc/rfc5261."""

from __future__ import annotations

import orjson
import pytest

from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.patching import errors
from fhir_api.patching.xml_patch import read_xml_patch

PATIENT = (
    b'{"resourceType":"Patient","id":"a","name":[{"use":"official","given":["A","B"]},{"use":"usual","family":"F"}]}'
)
DOCUMENT = b"<a xmlns='http://hl7.org/fhir'>x<b i='1'/>y<!--c--><b i='2'>z</b> <c/> </a>"


def patch_of(operations: str) -> bytes:
    return f'<diff xmlns:f="http://hl7.org/fhir">{operations}</diff>'.encode()


def changed(operations: str, document: bytes = DOCUMENT) -> str:
    text = read_xml_patch(patch_of(operations)).apply_to_xml(document).decode()
    return text.removeprefix("<?xml version='1.0' encoding='UTF-8'?>\n").replace(' xmlns="http://hl7.org/fhir"', "")


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        ('<add sel="f:a/f:c">text</add>', '<a>x<b i="1"/>y<!--c--><b i="2">z</b> <c>text</c> </a>'),
        ('<add sel="f:a" pos="prepend">w<f:d/></add>', '<a>w<d/>x<b i="1"/>y<!--c--><b i="2">z</b> <c/> </a>'),
        ('<add sel="f:a/f:b[1]" pos="before">w<f:d/>v</add>', '<a>xw<d/>v<b i="1"/>y<!--c--><b i="2">z</b> <c/> </a>'),
        ('<add sel="f:a/f:b[1]" pos="after">w<f:d/>v</add>', '<a>x<b i="1"/>w<d/>vy<!--c--><b i="2">z</b> <c/> </a>'),
        ('<add sel="f:a/f:b[1]" pos="after">w</add>', '<a>x<b i="1"/>wy<!--c--><b i="2">z</b> <c/> </a>'),
        ('<add sel="f:a/comment()" pos="after"><f:d/></add>', '<a>x<b i="1"/>y<!--c--><d/><b i="2">z</b> <c/> </a>'),
        ('<remove sel="f:a/f:b[@i=2]"/>', '<a>x<b i="1"/>y<!--c--> <c/> </a>'),
        ('<remove sel="f:a/f:c" ws="before"/>', '<a>x<b i="1"/>y<!--c--><b i="2">z</b> </a>'),
        ('<remove sel="f:a/f:c" ws="both"/>', '<a>x<b i="1"/>y<!--c--><b i="2">z</b></a>'),
        ('<remove sel="f:a/text()[1]"/>', '<a><b i="1"/>y<!--c--><b i="2">z</b> <c/> </a>'),
        ('<remove sel="f:a/text()[2]"/>', '<a>x<b i="1"/><!--c--><b i="2">z</b> <c/> </a>'),
        ('<remove sel="f:a/comment()"/>', '<a>x<b i="1"/>y<b i="2">z</b> <c/> </a>'),
        ("<replace sel=\"f:a/f:b[.='z']\"><f:d/></replace>", '<a>x<b i="1"/>y<!--c--><d/> <c/> </a>'),
        ('<replace sel="f:a/f:b[last()]/@i">9</replace>', '<a>x<b i="1"/>y<!--c--><b i="9">z</b> <c/> </a>'),
        ('<replace sel="f:a/text()[2]">w</replace>', '<a>x<b i="1"/>w<!--c--><b i="2">z</b> <c/> </a>'),
        ('<add sel="f:a/f:c" type="@j">1</add>', '<a>x<b i="1"/>y<!--c--><b i="2">z</b> <c j="1"/> </a>'),
        (
            '<add xmlns="" sel="f:a/f:c" type="namespace::p">urn:p</add>',
            '<a>x<b i="1"/>y<!--c--><b i="2">z</b> <c xmlns:p="urn:p"/> </a>',
        ),
        ('<remove xmlns="urn:ietf:rfc:7351" sel="f:a/f:c"/>', '<a>x<b i="1"/>y<!--c--><b i="2">z</b>  </a>'),
    ],
)
def test_each_operation_changes_its_place_only(operations: str, result: str) -> None:
    assert changed(operations).replace("f:d", "d").replace(' xmlns:f="http://hl7.org/fhir"', "") == result


@pytest.mark.parametrize(
    "selector",
    [
        "f:Patient/f:name[f:use/@value='official']/f:given[2]/@value",
        "/f:Patient/f:name[1]/f:given[@value='B']/@value",
        "f:Patient/f:name[f:use/@value='official' and f:given/@value='B']/f:given[last()]/@value",
        'f:Patient/*[f:use/@value="official"]/*[3]/@value',
    ],
)
def test_selectors_name_elements_by_their_values(selector: str) -> None:
    operation = (
        f"<replace sel='{selector}'>Z</replace>" if '"' in selector else f'<replace sel="{selector}">Z</replace>'
    )
    patched = orjson.loads(read_xml_patch(patch_of(operation)).apply(PATIENT))
    assert patched["name"][0]["given"] == ["A", "Z"]


def test_names_without_a_prefix_are_in_the_default_namespace() -> None:
    text = b'<diff xmlns="http://hl7.org/fhir"><remove sel="Patient/name[use/@value=\'usual\']"/></diff>'
    assert len(orjson.loads(read_xml_patch(text).apply(PATIENT))["name"]) == 1


def test_elements_are_added_with_any_prefix() -> None:
    operations = '<add sel="f:Patient"><x:birthDate xmlns:x="http://hl7.org/fhir" value="2020"/></add>'
    assert orjson.loads(read_xml_patch(patch_of(operations)).apply(PATIENT))["birthDate"] == "2020"


@pytest.mark.parametrize("number", [b"72.50", b"1.0", b"1E+2"])
def test_decimals_keep_their_digits(number: bytes) -> None:
    resource = b'{"resourceType":"Observation","status":"final","valueQuantity":{"value":%b}}' % number
    change = '<replace sel="f:Observation/f:status/@value">amended</replace>'
    assert b'"value":%b}' % number in read_xml_patch(patch_of(change)).apply(resource)


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ('<remove sel="f:a/f:b"/>', "a selector of one node, found 2"),
        ('<remove sel="f:a/f:d"/>', "a selector of one node, found 0"),
        ('<remove sel="f:a"/>', "one document element to be left"),
        ('<add sel="f:a" pos="after"><f:b/></add>', "one document element to be left"),
        ('<add sel="f:a" pos="before">x</add>', "one document element to be left"),
        ('<remove sel="q:a"/>', "a prefix that is not declared"),
        ('<remove sel="//f:b"/>', "cannot be read"),
        ('<remove sel="f:a/../f:a"/>', "cannot be read"),
        ('<remove sel="f:a/f:b[count(*)=1]"/>', "cannot be read"),
        ('<remove sel="f:a/f:b[f:c=f:d]"/>', "cannot be read"),
        ('<remove sel="f:a/f:b[1"/>', "cannot be read"),
        ('<remove sel="f:a f:b"/>', "cannot be read"),
        ('<remove sel="f:a/descendant::f:b"/>', "cannot be read"),
        ('<remove sel="f:a | f:a"/>', "cannot be read"),
        ('<remove sel=""/>', "cannot be read"),
        (f'<remove sel="f:a/{"f:b/" * 400}f:c"/>', "longer than 1000"),
        ('<remove sel="f:a/f:c">x</remove>', "expected no content"),
        ('<remove sel="f:a/f:b[1]" ws="before"/>', "white space before"),
        ('<replace sel="f:a/f:c">x</replace>', "one node of the same kind"),
        ('<replace sel="f:a/f:c"><f:d/><f:e/></replace>', "one node of the same kind"),
        ('<replace sel="f:a/f:c"><!--x--></replace>', "one node of the same kind"),
        ('<replace sel="f:a/f:b[1]/@i"><f:d/></replace>', "a text as content"),
        ('<add sel="f:a/f:b[1]/@i">x</add>', "a selector of an element"),
        ('<add sel="f:a/f:b[1]" type="@i">x</add>', "there already"),
        ('<add sel="f:a" type="i">x</add>', "expected 'type'"),
        ('<add sel="f:a" type="@q:i">x</add>', "expected 'type'"),
        ('<add sel="f:a" type="@1">x</add>', "expected 'type'"),
        ('<add sel="f:a" type="namespace::1 2">x</add>', "expected 'type'"),
    ],
)
def test_an_operation_that_cannot_be_done_is_named(operation: str, reason: str) -> None:
    with pytest.raises(FhirError, match=reason) as refused:
        changed(f'<replace sel="f:a/f:b[1]/@i">3</replace>{operation}')
    assert refused.value.kind is ErrorKind.UNPROCESSABLE
    assert str(refused.value).startswith("Operation 1 (")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no element found"),
        (b"<diff>", "no element found"),
        (b"<diff/>", "no operations"),
        (b"<other/>", "root element"),
        (b'<diff xmlns="urn:other"/>', "root element"),
        (patch_of('<blow sel="f:a"/>'), "add, replace, remove"),
        (patch_of("<remove/>"), "needs the attribute 'sel'"),
        (patch_of('<remove sel="f:a" pos="before"/>'), "takes no attribute 'pos'"),
        (patch_of('<add sel="f:a" pos="inside"/>'), "'pos' to be one of before, after, prepend"),
        (patch_of('<remove sel="f:a" ws="all"/>'), "'ws' to be one of before, after, both"),
        (b"<!DOCTYPE diff><diff/>", "document type declaration"),
        (b'<!DOCTYPE d [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]><diff>&b;</diff>', "document type declaration"),
        (b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><diff/>', "document type declaration"),
        (b"<diff>" + b"<a>" * 1000 + b"</a>" * 1000 + b"</diff>", "well-formed"),
    ],
)
def test_what_is_no_xml_patch_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(FhirError, match=reason) as refused:
        read_xml_patch(text)
    assert refused.value.kind is ErrorKind.MALFORMED


def test_a_result_that_is_no_resource_is_refused() -> None:
    with pytest.raises(FhirError) as refused:
        read_xml_patch(patch_of('<add sel="f:Patient"><f:shoeSize value="44"/></add>')).apply(PATIENT)
    assert refused.value.kind is ErrorKind.INVALID


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "LARGEST_RESULT", 100)
    with pytest.raises(FhirError) as refused:
        changed('<add sel="f:a/f:c">' + "x" * 100 + "</add>")
    assert refused.value.kind is ErrorKind.TOO_LARGE
    monkeypatch.setattr(errors, "MOST_WORK", 100)
    with pytest.raises(FhirError) as refused:
        changed('<remove sel="f:a/f:c"/>' * 3)
    assert refused.value.kind is ErrorKind.TOO_LARGE
    monkeypatch.setattr(errors, "MOST_OPERATIONS", 2)
    with pytest.raises(FhirError) as refused:
        changed('<remove sel="f:a/f:c"/>' * 3)
    assert refused.value.kind is ErrorKind.TOO_LARGE
