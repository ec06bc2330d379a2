"""The cases of HL7 for each patch format.

Spec: https://hl7.org/fhir/R4/http.html#patch
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from fhir_api.formats.xml import from_xml, to_xml
from fhir_api.model.errors import FhirError
from fhir_api.patching.fhirpath_patch import read_fhirpath_patch
from fhir_api.patching.json_patch import read_json_patch
from fhir_api.patching.xml_patch import read_xml_patch

CASES = Path(__file__).parents[3] / "../shared/data/patch-r4"
FHIR = "{http://hl7.org/fhir}"


def _text(name: str) -> bytes:
    path = CASES / name
    if not path.exists():
        pytest.skip(f"the patch cases are not beside the repository (../shared/data/patch-r4/{name})")
    return path.read_bytes()


def _xml_cases(name: str) -> Iterator[etree._Element]:
    root = etree.fromstring(_text(name), etree.XMLParser(huge_tree=False))
    return root.iterchildren("case")


def _child(case: etree._Element, name: str) -> bytes | None:
    """Return the XML of the one element inside a part of a case."""
    part = case.find(name)
    if part is None or not len(part):
        return None
    return bytes(etree.tostring(part[0], with_tail=False))


def _canonical(text: bytes) -> bytes:
    parser = etree.XMLParser(remove_blank_text=True)
    root = etree.fromstring(text, parser)
    for element in root.iter():
        if not (element.text or "").strip():
            element.text = None
        if not (element.tail or "").strip():
            element.tail = None
    return bytes(etree.tostring(root, method="c14n"))


def test_json_patch() -> None:
    cases: list[dict[str, Any]] = json.loads(_text("json-patch-tests.json"))
    assert len(cases) == 16
    for case in cases:
        patch = read_json_patch(json.dumps(case["patch"]).encode())
        document = json.dumps(case["doc"]).encode()
        if "error" in case:
            with pytest.raises(FhirError):
                patch.apply(document)
        else:
            assert json.loads(patch.apply(document)) == case["expected"], case["comment"]


def test_xml_patch() -> None:
    cases = list(_xml_cases("xml-patch-tests.xml"))
    assert len(cases) == 29
    for case in cases:
        patch = case.find(f"{FHIR}patch")
        assert patch is not None
        text, target = bytes(etree.tostring(patch, with_tail=False)), _child(case, "target") or b""
        if case.find("error") is not None:
            with pytest.raises(FhirError):
                read_xml_patch(text).apply_to_xml(target)
        else:
            expected = _child(case, "patched")
            assert expected is not None
            patched = read_xml_patch(text).apply_to_xml(target)
            assert _canonical(patched) == _canonical(expected), case.get("name")


def _resource(case: etree._Element, name: str) -> bytes | None:
    text = _child(case, name)
    if text is None:
        return None
    root = etree.fromstring(text)
    if len(root):
        return from_xml(text)
    # the official reader takes resources without content, this project's refuses them
    return json.dumps({"resourceType": etree.QName(root).localname}).encode()


def test_fhirpath_patch() -> None:
    cases = list(_xml_cases("fhir-patch-tests.xml"))
    assert len(cases) == 33
    for case in cases:
        resource, parameters, expected = (_resource(case, name) for name in ("input", "diff", "output"))
        assert resource is not None
        assert parameters is not None
        if expected is None:
            with pytest.raises(FhirError):
                read_fhirpath_patch(parameters).apply(resource)
        else:
            patched = read_fhirpath_patch(parameters).apply(resource)
            assert json.loads(patched) == json.loads(expected), case.get("name")
            assert to_xml(patched) == to_xml(expected), case.get("name")
