"""Whatever arrives, the converters answer with a resource or with a FhirError."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_api.formats.xml import from_xml, to_xml
from fhir_api.model.errors import FhirError

NAMES = ["id", "name", "_name", "given", "_given", "text", "div", "extension", "url", "contained", "resourceType"]
SEED = (
    b'<Patient xmlns="http://hl7.org/fhir"><id value="a"/><text><status value="generated"/>'
    b'<div xmlns="http://www.w3.org/1999/xhtml">x<br/></div></text>'
    b'<contained><Basic><id value="b"/></Basic></contained>'
    b'<name id="n"><given value="A"/><given id="2"><extension url="u"><valueDecimal value="1.50"/></extension></given>'
    b"</name></Patient>"
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    start=st.integers(0, len(SEED)),
    length=st.integers(0, 20),
    inserted=st.binary(max_size=12)
    | st.sampled_from([b"<!DOCTYPE a>", b"</", b"<a:b/>", b"&#x0;", b"\xef\xbb\xbf", b"]]>"]),
)
def test_damaged_xml_is_read_or_refused(start: int, length: int, inserted: bytes) -> None:
    damaged = SEED[:start] + inserted + SEED[start + length :]
    with suppress(FhirError):
        resource = json.loads(from_xml(damaged))
        assert "resourceType" in resource
        assert json.loads(from_xml(to_xml(json.dumps(resource).encode()))) == resource


@settings(max_examples=300, deadline=None)
@given(members=st.dictionaries(st.sampled_from(NAMES), json_values, max_size=5))
def test_any_json_is_written_so_that_it_reads_back_or_refused(members: dict[str, Any]) -> None:
    resource = {"resourceType": "Patient", **members}
    try:
        xml = to_xml(json.dumps(resource).encode())
    except FhirError:
        return
    # an empty string can be written, but not read; what is written is well-formed in any case
    assert json.loads(from_xml(xml.replace(b'=""', b'="-"')))["resourceType"] == "Patient"
