"""JSON to XML as https://hl7.org/fhir/R4/xml.html says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_api.formats.xml import from_xml, to_xml
from fhir_api.model.errors import ErrorKind, FhirError

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'


def inner(resource: dict[str, Any] | str) -> str:
    """Return what stands inside the root element of the XML of *resource*."""
    text = resource if isinstance(resource, str) else json.dumps(resource)
    written = to_xml(text.encode()).decode()
    name = json.loads(text)["resourceType"]
    start = f'{HEAD}<{name} xmlns="http://hl7.org/fhir">'
    assert written.startswith(start)
    return written.removeprefix(start).removesuffix(f"</{name}>")


def refusal(resource: dict[str, Any]) -> FhirError:
    with pytest.raises(FhirError) as caught:
        to_xml(json.dumps(resource).encode())
    return caught.value


def test_elements_come_in_the_order_of_the_definition() -> None:
    patient = {"resourceType": "Patient", "birthDate": "1970", "gender": "male", "id": "a", "active": True}
    assert inner(patient) == (
        '<id value="a"/><active value="true"/><gender value="male"/><birthDate value="1970"/>'
    )  # fmt: skip


def test_a_repeating_element_is_written_for_each_value() -> None:
    assert inner({"resourceType": "Patient", "name": [{"given": ["A", "B"]}, {"family": "C"}]}) == (
        '<name><given value="A"/><given value="B"/></name><name><family value="C"/></name>'
    )


@pytest.mark.parametrize(
    "digits", ["72.50", "1E+2", "1e-10", "0.0", "-0", "-0.00", "100", "12345678901234567890.1234567890"]
)
def test_numbers_keep_their_digits(digits: str) -> None:
    resource = f'{{"resourceType":"Observation","valueQuantity":{{"value":{digits}}}}}'
    assert inner(resource) == f'<valueQuantity><value value="{digits}"/></valueQuantity>'
    assert from_xml(to_xml(resource.encode())) == resource.encode()


def test_ids_of_elements_and_the_url_of_an_extension_are_attributes() -> None:
    extension = {"id": "e", "url": "http://example.org/x", "valueCode": "c"}
    assert inner({"resourceType": "Patient", "id": "p", "name": [{"id": "n", "extension": [extension]}]}) == (
        '<id value="p"/><name id="n"><extension id="e" url="http://example.org/x"><valueCode value="c"/></extension>'
        "</name>"
    )


def test_a_primitive_has_its_id_and_extensions_inside() -> None:
    companion = {"id": "b", "extension": [{"url": "u", "valueBoolean": False}]}
    extended = '<extension url="u"><valueBoolean value="false"/></extension>'
    assert inner({"resourceType": "Patient", "birthDate": "1970", "_birthDate": companion}) == (
        f'<birthDate id="b" value="1970">{extended}</birthDate>'
    )
    assert inner({"resourceType": "Patient", "_birthDate": companion}) == f'<birthDate id="b">{extended}</birthDate>'
    assert inner({"resourceType": "Patient", "_birthDate": {"id": "b"}}) == '<birthDate id="b"/>'


def test_arrays_with_null_keep_values_and_extensions_together() -> None:
    name = {"given": ["A", None, "C"], "_given": [None, {"id": "2"}, {"id": "3"}]}
    assert inner({"resourceType": "Patient", "name": [name]}) == (
        '<name><given value="A"/><given id="2"/><given id="3" value="C"/></name>'
    )


def test_a_resource_inside_is_an_element_of_its_type() -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {"resourceType": "Patient", "contained": [{"resourceType": "Basic", "id": "c"}]}}],
    }
    assert inner(bundle) == (
        '<type value="collection"/><entry><resource><Patient><contained><Basic><id value="c"/></Basic></contained>'
        "</Patient></resource></entry>"
    )


def test_parameters_nest() -> None:
    part = {
        "name": "p",
        "part": [{"name": "q", "valueInteger": 5}, {"name": "r", "resource": {"resourceType": "Basic"}}],
    }
    assert inner({"resourceType": "Parameters", "parameter": [part]}) == (
        '<parameter><name value="p"/><part><name value="q"/><valueInteger value="5"/></part>'
        '<part><name value="r"/><resource><Basic></Basic></resource></part></parameter>'
    )


@pytest.mark.parametrize(
    "content",
    [
        "plain",
        "<p class='a'>single quotes &amp; &#160; entities</p><br />",
        "<!-- a comment --><table><tr><td>1 &lt; 2</td></tr></table>",
        "<![CDATA[a < b]]>",
        "é漢😀",
    ],
)
def test_the_narrative_is_copied_byte_by_byte(content: str) -> None:
    div = f"{DIV}{content}</div>"
    patient = {"resourceType": "Patient", "text": {"status": "generated", "div": div}}
    assert inner(patient) == f'<text><status value="generated"/>{div}</text>'
    assert json.loads(from_xml(to_xml(json.dumps(patient).encode()))) == patient


def test_a_narrative_without_its_namespace_gets_it() -> None:
    narrative = {"status": "generated", "div": " <div class='c'>x</div>\n"}
    assert inner({"resourceType": "Patient", "text": narrative}) == (
        '<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml" class=\'c\'>x</div></text>'
    )


@pytest.mark.parametrize(
    "div",
    [
        "",
        "text",
        f"{DIV}<p></div>",
        f"{DIV}</div></text><active value='false'/><text>{DIV}</div>",
        f"{DIV}</div>{DIV}</div>",
        "<p xmlns='http://www.w3.org/1999/xhtml'/>",
        "<div xmlns='http://example.org'/>",
        f"{DIV}&nbsp;</div>",
        f"<!DOCTYPE div [<!ENTITY a 'b'>]>{DIV}&a;</div>",
        f"{DIV}<?php x ?></div>",
        f"<?xml version='1.0'?>{DIV}</div>",
        f"{DIV}<x:p/></div>",
        f"{DIV}\x01</div>",
        f"{DIV}\ud800</div>",
    ],
)
def test_a_narrative_that_would_break_the_document_is_refused(div: str) -> None:
    error = refusal({"resourceType": "Patient", "text": {"status": "generated", "div": div}})
    assert error.kind is ErrorKind.INVALID
    assert error.issues[0].expressions == ("Patient.text.div",)


def test_text_is_escaped_so_that_a_reader_finds_it_unchanged() -> None:
    text = "a<b>&\"c\"'d'\ttab\nline\r\nline é漢😀 \u00a0\u2028"
    patient = {"resourceType": "Patient", "name": [{"text": text}]}
    assert inner(patient) == (
        "<name><text value=\"a&lt;b&gt;&amp;&quot;c&quot;'d'&#9;tab&#10;line&#13;&#10;"
        'line é漢😀 \u00a0\u2028"/></name>'
    )
    assert json.loads(from_xml(to_xml(json.dumps(patient).encode()))) == patient


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        ({"resourceType": "Patient", "nonsense": 1}, "Patient.nonsense"),
        ({"resourceType": "Patient", "contact": [{}, {"gender": "male"}]}, "Patient.contact[0]"),
        ({"resourceType": "Patient", "contact": [{"gender": "male"}, {"sex": "m"}]}, "Patient.contact[1].sex"),
        ({"resourceType": "Patient", "gender": None}, "Patient.gender"),
        ({"resourceType": "Patient", "gender": ["male"]}, "Patient.gender"),
        ({"resourceType": "Patient", "gender": 5}, "Patient.gender"),
        ({"resourceType": "Patient", "active": "true"}, "Patient.active"),
        ({"resourceType": "Patient", "active": 1}, "Patient.active"),
        ({"resourceType": "Patient", "name": {"family": "F"}}, "Patient.name"),
        ({"resourceType": "Patient", "name": []}, "Patient.name"),
        ({"resourceType": "Patient", "name": ["F"]}, "Patient.name[0]"),
        ({"resourceType": "Patient", "name": [{"given": "G"}]}, "Patient.name[0].given"),
        ({"resourceType": "Patient", "name": [{"given": []}]}, "Patient.name[0].given"),
        ({"resourceType": "Patient", "name": [{"given": ["A", None]}]}, "Patient.name[0].given[1]"),
        ({"resourceType": "Patient", "name": [{"given": ["A"], "_given": [None, None]}]}, "Patient.name[0].given"),
        ({"resourceType": "Patient", "name": [{"id": 5}]}, "Patient.name[0].id"),
        ({"resourceType": "Patient", "_birthDate": {"value": "1970"}}, "Patient.birthDate.value"),
        ({"resourceType": "Patient", "_birthDate": {}}, "Patient.birthDate"),
        ({"resourceType": "Patient", "_name": [{"id": "a"}]}, "Patient._name"),
        ({"resourceType": "Observation", "valueQuantity": {"value": "5"}}, "Observation.value.value"),
        ({"resourceType": "Observation", "valueAttachment": {"title": "t"}}, "Observation.valueAttachment"),
        ({"resourceType": "Patient", "contained": [{"resourceType": "Nothing"}]}, "Patient.contained[0].resourceType"),
        ({"resourceType": "Patient", "contained": [{"id": "a"}]}, "Patient.contained[0].resourceType"),
        ({"resourceType": "Patient", "name": [{"family": "bell \x07"}]}, "Patient.name[0].family"),
        ({"resourceType": "Patient", "name": [{"family": "\ud800"}]}, "Patient.name[0].family"),
        ({"resourceType": "Nothing"}, "Resource.resourceType"),
        ({"resourceType": "DomainResource"}, "Resource.resourceType"),
        ({"resourceType": ["Patient"]}, "Resource.resourceType"),
        ({"id": "a"}, "Resource.resourceType"),
    ],
)
def test_what_r4_does_not_define_is_refused_by_its_place(resource: dict[str, Any], place: str) -> None:
    error = refusal(resource)
    assert error.kind is ErrorKind.INVALID
    assert error.issues[0].expressions == (place,)
    assert place in error.issues[0].diagnostics


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"5", b"\xff\xfe", b'{"resourceType":"Patient","multipleBirthInteger":NaN}', b"[" * 100_000],
)
def test_text_that_is_no_json_object_is_malformed(text: bytes) -> None:
    with pytest.raises(FhirError) as caught:
        to_xml(text)
    assert caught.value.kind is ErrorKind.MALFORMED


def test_a_value_is_never_told_in_an_error() -> None:
    error = refusal({"resourceType": "Patient", "active": "Secret Name"})
    assert "Secret" not in error.issues[0].diagnostics


def test_nesting_beyond_reason_is_malformed() -> None:
    depth = 400
    text = '{"resourceType":"Patient","extension":[' + '{"url":"u","extension":[' * depth + '{"url":"u"}' + "]}" * depth
    with pytest.raises(FhirError) as caught:
        to_xml(f"{text}]}}".encode())
    assert caught.value.kind is ErrorKind.MALFORMED


@pytest.mark.parametrize("div", [5, None, {"a": 1}])
def test_a_narrative_has_to_be_text(div: Any) -> None:
    assert refusal({"resourceType": "Patient", "text": {"div": div}}).issues[0].expressions == ("Patient.text.div",)


def test_characters_that_xml_lacks_are_refused_in_attributes_too() -> None:
    error = refusal({"resourceType": "Patient", "name": [{"id": "a\x00"}]})
    assert error.issues[0].expressions == ("Patient.name[0].id",)
