"""Which parameters have their entries under others: by their expressions, for any definitions."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from conformance.search_parameters import search_parameters
from conformance.types import resource_types
from fhir_api.search.definitions import base_definitions, leaf_routes
from fhir_api.search.query import Include, Parameter
from fhir_api.search.sharing import by_rows, shared
from fhir_api.search.tenant import OwnDefinition, OwnDefinitions


def parameter(resource_type: str, code: str) -> Parameter:
    found = base_definitions().parameter(resource_type, code)
    assert found is not None
    return found


def codes(resource_type: str, numbers: Iterable[int]) -> list[str]:
    known = {each.key: code for code, each in base_definitions().parameters(resource_type).items()}
    return sorted(known[number] for number in numbers)


@pytest.mark.parametrize(
    ("name", "parts", "only"),
    [
        ("Observation.combo-code", ["code", "component-code"], None),
        ("Observation.combo-value-quantity", ["component-value-quantity", "value-quantity"], None),
        ("Observation.combo-code-value-quantity", ["code-value-quantity", "component-code-value-quantity"], None),
        ("Observation.patient", ["subject"], "Patient"),
        ("Encounter.practitioner", ["participant"], "Practitioner"),
        ("AuditEvent.patient", ["agent", "entity"], "Patient"),
        ("Coverage.patient", ["beneficiary"], None),
    ],
)
def test_entries_of_others_are_found_under_them(name: str, parts: list[str], only: str | None) -> None:
    found = parameter(*name.split("."))
    assert codes(found.resource_type, found.parts) == parts
    assert found.only == only
    assert found.numbers == found.parts


@pytest.mark.parametrize(
    "name",
    ["Observation.code", "Observation.subject", "Observation.date", "Patient.email", "Patient.telecom",
     "Claim.patient", "Patient.deceased", "Observation.code-value-string", "DiagnosticReport.result"],
)  # fmt: skip
def test_entries_that_no_other_has_stay_where_they_are(name: str) -> None:
    found = parameter(*name.split("."))
    assert (found.parts, found.numbers, found.only) == ((), (found.key,), None)


@pytest.mark.parametrize("resource_type", resource_types())
def test_whoever_has_the_entries_of_another_has_rows(resource_type: str) -> None:
    parameters = base_definitions().parameters(resource_type)
    known = {each.key: each for each in parameters.values()}
    for each in parameters.values():
        for part in each.parts:
            assert known[part].parts == ()
            assert known[part].type == each.type


def test_a_part_that_takes_more_is_none() -> None:
    code, component = parameter("Observation", "code"), parameter("Observation", "component-code")
    both = replace(parameter("Observation", "combo-code"), parts=())
    half = replace(both, code="half", key=1, expression="Observation.code")
    found = shared({each.code: each for each in (half, both, component)}, leaf_routes)
    assert found["half"].parts == ()
    assert set(found["combo-code"].parts) == {half.key, component.key}
    assert code.key not in found["combo-code"].parts


def test_what_is_left_of_a_union_is_not_forgotten() -> None:
    both = replace(parameter("Observation", "combo-code"), parts=())
    found = shared({"code": parameter("Observation", "code"), "combo-code": both}, leaf_routes)
    assert found["combo-code"].numbers == (found["combo-code"].key,)


def test_parameters_of_a_tenant_share_nothing() -> None:
    (code,) = (each for each in search_parameters() if each.url == parameter("Observation", "combo-value-concept").url)
    both = (replace(code, url=f"http://a.org/{name}", code=name, base=("Observation",)) for name in ("one", "two"))
    own = OwnDefinitions(base_definitions(), (OwnDefinition(number, each) for number, each in enumerate(both)))
    assert [each.parts for each in own.parameters("Observation").values()] == [(), ()]


def included(*names: str, target_type: str | None = None) -> list[tuple[list[str], str | None]]:
    parameters = tuple(parameter("Observation", name) for name in names)
    found = by_rows(Include("Observation", parameters, target_type, reverse=False, iterate=False))
    return [(codes("Observation", (each.key for each in one.parameters)), one.target_type) for one in found]


def test_includes_follow_what_has_rows() -> None:
    assert included("patient") == [(["subject"], "Patient")]
    assert included("patient", target_type="Group") == []
    assert included("patient", "encounter") == [(["subject"], "Patient"), (["encounter"], None)]


def test_what_is_followed_to_any_type_is_followed_once() -> None:
    assert included("patient", "subject") == [(["subject"], None)]
