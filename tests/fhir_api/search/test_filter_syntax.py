"""The grammar of ``_filter``.

Spec: https://hl7.org/fhir/R4/search_filter.html
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_api.model.errors import FhirError
from fhir_api.search.filter.syntax import And, Comparison, Not, Or, Step, parse


def comparison(name: str, operator: str, value: str, *, is_text: bool = False) -> Comparison:
    return Comparison((Step(name),), operator, value, is_text)


A, B, C = comparison("a", "eq", "1"), comparison("b", "ne", "2"), comparison("c", "gt", "3")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a eq 1", A),
        ('given co "pe\\"ter"', comparison("given", "co", 'pe"ter', is_text=True)),
        ("code eq http://loinc.org|1234-5", comparison("code", "eq", "http://loinc.org|1234-5")),
        ("a eq 1 and b ne 2 or c gt 3", Or((And((A, B)), C))),
        ("a eq 1 and (b ne 2 or c gt 3)", And((A, Or((B, C))))),
        ("not (a eq 1)", Not(A)),
        ("not eq 1", comparison("not", "eq", "1")),
        ("a.b eq 1", Comparison((Step("a"), Step("b")), "eq", "1", is_text=False)),
        ("s:Patient[a eq 1].b eq 1", Comparison((Step("s:Patient", A), Step("b")), "eq", "1", is_text=False)),
    ],
)
def test_reads(text: str, expected: object) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 1),
        ("a", 2),
        ("a is 1", 5),
        ("a eq", 5),
        ("a eq 1 b", 7),
        ("(a eq 1", 8),
        ("a[b ne 2] eq 1", 10),
        ("a eq 1 and", 11),
        ("(" * 40 + "a eq 1" + ")" * 40, 34),
    ],
)
def test_says_where_it_stops_understanding(text: str, place: int) -> None:
    with pytest.raises(FhirError) as refused:
        parse(text)
    assert refused.value.issues[0].diagnostics.endswith(f"at character {place}.")


@given(st.text(alphabet='ab eq"()[].not1\\and', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except FhirError:
        return
