"""Codes with a check digit."""

from __future__ import annotations

import pytest

from fhir_api.terminology.check_digits import is_loinc, is_snomed


@pytest.mark.parametrize(
    "code",
    [
        "404684003", "138875005", "271649006", "73211009", "22298006", "900000000000207008", "654721000012102",
        "83152002 |oophorectomy| : 405815000 |procedure device| = 122456005 |laser device|", "=== 46866001",
    ],
)  # fmt: skip
def test_snomed_codes(code: str) -> None:
    assert is_snomed(code)


@pytest.mark.parametrize(
    "code",
    [
        "404684004",  # another last digit
        "440684003",  # two digits changed places
        "680946014",  # a description
        "12345", "T-15460", "34552-0", "", "040468400", "4046840031234567890", "٤٠٤٦٨٤٠٠٣",
    ],
)  # fmt: skip
def test_what_is_no_snomed_code(code: str) -> None:
    assert not is_snomed(code)


@pytest.mark.parametrize("code", ["8867-4", "85354-9", "8480-6", "2160-0", "LA6576-8", "LP7753-9", "LL379-9", "1-8"])
def test_loinc_codes(code: str) -> None:
    assert is_loinc(code)


@pytest.mark.parametrize("code", ["8867-5", "8876-4", "88674", "8867-", "-4", "", "XX123-4", "8867-44", "vital-signs"])
def test_what_is_no_loinc_code(code: str) -> None:
    assert not is_loinc(code)
