"""XML to JSON as https://hl7.org/fhir/R4/xml.html says, and hostile XML."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_api.formats.xml import from_xml
from fhir_api.model.errors import ErrorKind, FhirError

XHTML = "http://www.w3.org/1999/xhtml"
DIV = f'<div xmlns="{XHTML}">'


def patient(inner: str) -> str:
    """Return a Patient in XML with *inner* inside."""
    return f'<Patient xmlns="http://hl7.org/fhir">{inner}</Patient>'


def read(xml: str) -> Any:
    return json.loads(from_xml(xml.encode()))


def refusal(xml: str | bytes) -> FhirError:
    with pytest.raises(FhirError) as caught:
        from_xml(xml if isinstance(xml, bytes) else xml.encode())
    return caught.value


def test_repeating_elements_are_arrays_even_if_there_is_one() -> None:
    assert read(patient('<name><family value="F"/><given value="G"/></name>')) == {
        "resourceType": "Patient",
        "name": [{"family": "F", "given": ["G"]}],
    }


def test_json_is_compact_and_begins_with_the_type() -> None:
    assert from_xml(patient('\n  <id value="a"/>\n  <active value="true"/>\n').encode()) == (
        b'{"resourceType":"Patient","id":"a","active":true}'
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("valueBoolean", "true", b"true"),
        ("valueBoolean", "false", b"false"),
        ("valueInteger", "-5", b"-5"),
        ("valueDecimal", "72.50", b"72.50"),
        ("valueDecimal", "1E+2", b"1E+2"),
        ("valueDecimal", "-0", b"-0"),
        ("valueUnsignedInt", "0", b"0"),
        ("valuePositiveInt", "123456789012345678901234567890", b"123456789012345678901234567890"),
        ("valueString", "72.50", b'"72.50"'),
        ("valueString", "true", b'"true"'),
        ("valueDate", "1970-01", b'"1970-01"'),
    ],
)
def test_values_become_what_their_type_is_in_json(name: str, text: str, expected: bytes) -> None:
    xml = patient(f'<extension url="u"><{name} value="{text}"/></extension>')
    assert from_xml(xml.encode()) == (
        b'{"resourceType":"Patient","extension":[{"url":"u","%b":%b}]}' % (name.encode(), expected)
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("valueBoolean", "1"),
        ("valueBoolean", "True"),
        ("valueInteger", "5.0"),
        ("valueInteger", "05"),
        ("valueInteger", "+5"),
        ("valueInteger", " 5"),
        ("valueDecimal", ".5"),
        ("valueDecimal", "5."),
        ("valueDecimal", "NaN"),
        ("valueDecimal", "5,0"),
        ("valueDecimal", "5}"),
        ("valuePositiveInt", "0"),
        ("valueString", ""),
    ],
)
def test_values_that_their_type_does_not_have_are_refused(name: str, text: str) -> None:
    error = refusal(patient(f'<extension url="u"><{name} value="{text}"/></extension>'))
    assert error.kind is ErrorKind.INVALID
    assert error.issues[0].expressions == ("Patient.extension[0].value",)


def test_ids_and_extensions_of_primitives_go_into_the_companion() -> None:
    extension = '<extension url="u"><valueCode value="c"/></extension>'
    companion = {"id": "b", "extension": [{"url": "u", "valueCode": "c"}]}
    assert read(patient(f'<birthDate id="b" value="1970">{extension}</birthDate>')) == {
        "resourceType": "Patient",
        "birthDate": "1970",
        "_birthDate": companion,
    }
    assert read(patient(f'<birthDate id="b">{extension}</birthDate>')) == {
        "resourceType": "Patient",
        "_birthDate": companion,
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('<given id="1"/><given value="B"/>', {"given": [None, "B"], "_given": [{"id": "1"}, None]}),
        ('<given value="A"/><given id="2"/>', {"given": ["A", None], "_given": [None, {"id": "2"}]}),
        (
            '<given value="A"/><given id="2" value="B"/><given value="C"/><given value="D"/>',
            {"given": ["A", "B", "C", "D"], "_given": [None, {"id": "2"}, None, None]},
        ),
        ('<given id="1"/><given id="2"/>', {"_given": [{"id": "1"}, {"id": "2"}]}),
    ],
)
def test_arrays_of_values_and_companions_are_of_one_length(given: str, expected: dict[str, Any]) -> None:
    assert read(patient(f"<name>{given}</name>"))["name"] == [expected]


def test_resources_inside() -> None:
    bundle = (
        '<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/><entry><resource><Patient><contained><Basic>'
        '<id value="c"/></Basic></contained></Patient></resource></entry></Bundle>'
    )
    assert read(bundle) == {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {"resourceType": "Patient", "contained": [{"resourceType": "Basic", "id": "c"}]}}],
    }


def test_an_empty_resource_is_read() -> None:
    assert read(patient("")) == {"resourceType": "Patient"}


def test_prefixes_and_the_schema_location_make_no_difference() -> None:
    xml = (
        '\ufeff<?xml version="1.0" encoding="utf-8"?>\n<?xml-stylesheet href="a.xsl"?><!-- c -->'
        '<f:Patient xmlns:f="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="http://hl7.org/fhir fhir-single.xsd"><!-- c --><f:id value="a"/></f:Patient>'
    )
    assert read(xml) == {"resourceType": "Patient", "id": "a"}


@pytest.mark.parametrize(
    "div",
    [
        f'{DIV}<p a="x>y">text</p></div >',
        f"{DIV}<br/></div>",
        f'<div xmlns="{XHTML}" class="a>b"/>',
        f"<div  class='c' xmlns='{XHTML}'>&#xA0;é漢 <!-- kept --> &lt; <![CDATA[<]]></div>",
        f'<div xmlns="{XHTML}" xmlns:n="http://example.org/unused">x</div>',
        f"{DIV}<div>inner</div>\r\n</div>",
    ],
)
def test_the_narrative_is_copied_byte_by_byte(div: str) -> None:
    xml = patient(f'<text><status value="generated"/>{div}</text><active value="true"/>')
    assert read(xml) == {
        "resourceType": "Patient",
        "text": {"status": "generated", "div": div},
        "active": True,
    }


def test_a_narrative_with_the_prefix_of_its_document_is_written_anew_without_it() -> None:
    xml = (
        f'<Patient xmlns="http://hl7.org/fhir" xmlns:h="{XHTML}"><text><status value="generated"/>'
        '<h:div xml:lang="rw" title="&lt;&quot;&gt;">1 &lt; 2 &amp; <h:br/></h:div></text>'
        '<active value="true"/></Patient>'
    )
    assert read(xml) == {
        "resourceType": "Patient",
        "text": {
            "status": "generated",
            "div": f'<div xmlns="{XHTML}" xml:lang="rw" title=\'&lt;"&gt;\'>1 &lt; 2 &amp; <br></br></div>',
        },
        "active": True,
    }


@pytest.mark.parametrize(
    ("xml", "place", "words"),
    [
        (patient('<nonsense value="1"/>'), "Patient.nonsense", "Unknown element 'nonsense'"),
        (patient('<contact><gender value="male"/></contact><contact>\n<sex value="m"/></contact>'),
         "Patient.contact[1].sex", "line 2, column 1"),
        (patient("<contained><Basic><x/></Basic></contained>"), "Patient.contained[0].x", "Unknown element 'x'"),
        (patient('<gender value="male"/><gender value="male"/>'), "Patient.gender", "twice"),
        (patient('<gender id="a"/><gender value="male"/>'), "Patient.gender", "twice"),
        (patient('<maritalStatus><text value="a"/></maritalStatus><maritalStatus><text value="a"/></maritalStatus>'),
         "Patient.maritalStatus", "twice"),
        (patient("<gender/>"), "Patient.gender", "empty"),
        (patient("<name/>"), "Patient.name[0]", "empty"),
        (patient('<name><given value="A"/><given/></name>'), "Patient.name[0].given[1]", "empty"),
        (patient("<contained/>"), "Patient.contained[0]", "empty"),
        (patient('<gender code="male"/>'), "Patient.gender", "Unknown attribute 'code'"),
        (patient('<name><given value="A"/><given x="A"/></name>'), "Patient.name[0].given[1]", "Unknown attribute"),
        (patient('<birthDate id="b" value=""/>'), "Patient.birthDate", "type date"),
        (patient('<active id="b" value="yes"/>'), "Patient.active", "type boolean"),
        (patient('<name><given value="A"/><given value=""/></name>'), "Patient.name[0].given[1]", "type string"),
        (patient('<name><given value="A"/><given id="a" value=""/></name>'), "Patient.name[0].given[1]", "string"),
        (patient('<name><given value="A"/><given value="B">x</given></name>'), "Patient.name[0].given[1]", "Text"),
        (patient('<name><given value="A"/><given value="B"><x/></given></name>'), "Patient.name[0].given[1].x", "x"),
        (patient('<name value="F"/>'), "Patient.name[0]", "Unknown attribute 'value'"),
        (patient('<name id=""/>'), "Patient.name[0]", "'id' is empty"),
        (patient("<name>Text</name>"), "Patient.name[0]", "Text"),
        (patient('<gender value="male">male</gender>'), "Patient.gender", "Text"),
        (patient('<gender value="male"><code value="a"/></gender>'), "Patient.gender.code", "Unknown element"),
        (patient('<text><div value="a"/></text>'), "Patient.text.div", "Unknown element"),
        (patient(f'<text>{DIV}<svg xmlns="http://www.w3.org/2000/svg"/></div></text>'), "Patient.text.div", "XHTML"),
        (patient(f"<text>{DIV}<?php x ?></div></text>"), "Patient.text.div", "instruction"),
        (f'<Patient xmlns="http://hl7.org/fhir" xmlns:x="urn:x"><text>{DIV}<p x:y="z"/></div></text></Patient>',
         "Patient.text.div", "attribute outside XHTML"),
        (patient("<contained><Basic/><Basic/></contained>"), "Patient.contained[0]", "two"),
        (patient("<contained><Nothing/></contained>"), "Patient.contained[0]", "Unknown resource type 'Nothing'"),
        (patient("<contained><Basic xmlns='http://hl7.org/fhir' x='1'/></contained>"), "Patient.contained[0]", "'x'"),
        ('<Nothing xmlns="http://hl7.org/fhir"/>', None, "Unknown resource type 'Nothing'"),
        ('<DomainResource xmlns="http://hl7.org/fhir"/>', None, "Unknown resource type"),
    ],
)  # fmt: skip
def test_what_r4_does_not_define_is_refused_by_its_place(xml: str, place: str | None, words: str) -> None:
    error = refusal(xml)
    assert error.kind is ErrorKind.INVALID
    assert error.issues[0].expressions == ((place,) if place else ())
    assert words in error.issues[0].diagnostics


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"   ",
        b"not XML",
        b'{"resourceType":"Patient"}',
        b'<Patient xmlns="http://hl7.org/fhir">',
        b'<Patient xmlns="http://hl7.org/fhir"/><Patient xmlns="http://hl7.org/fhir"/>',
        b'<Patient xmlns="http://hl7.org/fhir"><name></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><gender value="a" value="b"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><gender value="a<b"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><gender value="&#0;"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><gender value="&nbsp;"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><gender value="\xff"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><x:gender value="a"/></Patient>',
        b"<Patient/>",
        b'<Patient xmlns="http://example.org"/>',
        b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>',
        b'<Patient xmlns="http://hl7.org/fhir"><gender xmlns="http://example.org" value="male"/></Patient>',
        b'<?xml version="1.0" encoding="ISO-8859-1"?><Patient xmlns="http://hl7.org/fhir"/>',
        '<?xml version="1.0" encoding="UTF-16"?><Patient xmlns="http://hl7.org/fhir"/>'.encode("utf-16"),
    ],
)
def test_what_is_no_fhir_xml_is_malformed(xml: bytes) -> None:
    error = refusal(xml)
    assert error.kind is ErrorKind.MALFORMED
    assert "line 1, column" in error.issues[0].diagnostics


BILLION_LAUGHS = (
    "<!DOCTYPE p [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    + "]>"
    + patient('<name><text value="&a9;"/></name>')
)


@pytest.mark.parametrize(
    "xml",
    [
        BILLION_LAUGHS,
        "<!DOCTYPE p [<!ENTITY a 'xxxx'>]>" + patient('<gender value="&a;"/>'),
        f'<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]>{patient("<text>&a;</text>")}',
        f'<!DOCTYPE p SYSTEM "http://127.0.0.1:9/x.dtd">{patient("")}',
        f'<!DOCTYPE p [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x.dtd"> %a;]>{patient("")}',
        f"<!DOCTYPE Patient>{patient('')}",
        f"<!DOCTYPE p [<!ATTLIST Patient x CDATA 'default'>]>{patient('')}",
    ],
)
def test_a_document_type_declaration_is_refused_before_it_is_read(xml: str) -> None:
    error = refusal(xml)
    assert error.kind is ErrorKind.MALFORMED
    assert "document type declaration" in error.issues[0].diagnostics


def test_deep_nesting_is_refused() -> None:
    depth = 100_000
    nested = "<extension url='u'>" * depth + "</extension>" * depth
    error = refusal(patient(nested))
    assert error.kind is ErrorKind.MALFORMED
    assert "deeper than 100" in error.issues[0].diagnostics


def test_a_narrative_may_not_nest_deep_either() -> None:
    error = refusal(patient(f"<text>{DIV}{'<p>' * 100_000}"))
    assert error.kind is ErrorKind.INVALID
    assert "deeper than 100" in error.issues[0].diagnostics


def test_nesting_of_real_depth_is_read() -> None:
    nested = '<extension url="u">' * 40 + '<valueCode value="c"/>' + "</extension>" * 40
    assert b'"valueCode":"c"' in from_xml(patient(nested).encode())


def test_a_value_is_never_told_in_an_error() -> None:
    error = refusal(patient('<active value="Secret Name"/>'))
    assert "Secret" not in error.issues[0].diagnostics
