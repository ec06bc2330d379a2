"""Value sets told by their URLs."""

from __future__ import annotations

import pytest

from fhir_api.packages.core import core_library
from fhir_api.terminology import Terminology

R4 = Terminology(core_library())
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@pytest.mark.parametrize(
    ("value_set", "system", "code", "expected"),
    [
        (f"{SNOMED}?fhir_vs", SNOMED, "404684003", None),
        (f"{SNOMED}?fhir_vs", SNOMED, "404684004", False),
        (f"{SNOMED}?fhir_vs=isa/404684003", SNOMED, "73211009", None),
        (f"{SNOMED}?fhir_vs=refset/723264001", SNOMED, "73211009", None),
        (f"{SNOMED}?fhir_vs=ecl/<404684003", SNOMED, "73211009", None),
        (f"{SNOMED}?fhir_vs=isa/404684003", LOINC, "8867-4", False),
        (f"{LOINC}/vs", LOINC, "8867-4", None),
        (f"{LOINC}/vs/LL379-9", LOINC, "LA9658-1", None),
        (f"{LOINC}/vs/LL379-9", SNOMED, "73211009", False),
        (f"{ACT}?fhir_vs", ACT, "AMB", True),
        (f"{ACT}?fhir_vs=isa/_ActAccountCode", ACT, "ACCTRECEIVABLE", True),
        (f"{ACT}?fhir_vs=isa/_ActAccountCode", ACT, "AMB", False),
        ("http://www.rfc-editor.org/bcp/bcp13.txt", "urn:ietf:bcp:13", "text/plain", True),
        ("http://tools.ietf.org/html/bcp47", "urn:ietf:bcp:47", "english", False),
        ("http://example.org/none", SNOMED, "404684003", None),
    ],
)
def test_value_sets_told_by_their_urls(value_set: str, system: str, code: str, expected: bool | None) -> None:
    assert R4.contains(value_set, system, code) is expected


def test_they_can_be_listed() -> None:
    codes = {concept.code for concept in R4.expand(f"{ACT}?fhir_vs=isa/_ActAccountCode").concepts}
    assert {"_ActAccountCode", "ACCTRECEIVABLE"} <= codes


def test_they_can_be_imported_by_what_a_resource_contains() -> None:
    contained = {
        "resourceType": "ValueSet", "id": "x", "compose": {"include": [{"valueSet": [f"{ACT}?fhir_vs"]}]},
    }  # fmt: skip
    assert R4.within({"contained": [contained]}).contains("#x", ACT, "AMB") is True
