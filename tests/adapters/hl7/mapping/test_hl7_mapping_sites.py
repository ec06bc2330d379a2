"""What a site does otherwise: an integrator's task, done with files only."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.mapping.plans import Plans, plan_of
from adapters.hl7.mapping.trying import try_sender, values
from mappings.errors import MappingError
from mappings.sites import SITES, find_sender

MESSAGE = (
    b"MSH|^~\\&|LAB1|H|||20240501101112||ADT^A08|1|P|2.5\rEVN||20240501\r"
    b"PID|1||77^^^H^MR||A^B||19700101|2\rZIN|X123|AOK\r"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    site = tmp_path / "north"
    (site / "LAB1" / "tables").mkdir(parents=True)
    (site / "site.yaml").write_text(
        "name: north\nzone: Europe/Berlin\nsenders:\n  - name: LAB1\n    application: LAB1\n"
    )
    return tmp_path


def said(folder: Path, element: str, message: bytes = MESSAGE) -> list[object]:
    return list(values(plan_of("LAB1", folder).apply(Message.parse(message)).bundle, element))


def test_the_example_makes_sex_and_insurance_right_without_code() -> None:
    plan = plan_of("example/LAB1")
    mapped = plan.apply(Message.parse(MESSAGE))
    assert list(values(mapped.bundle, "Patient.gender")) == ["female"]
    assert list(values(mapped.bundle, "Coverage.subscriberId")) == ["X123"]
    assert plan.own_problems == ()
    site, sender = find_sender("LAB1", SITES)
    assert try_sender(plan, site, sender.name) == []


def test_without_them_the_code_is_told_and_the_segment_kept(folder: Path) -> None:
    mapped = plan_of("LAB1", folder).apply(Message.parse(MESSAGE))
    assert list(values(mapped.bundle, "Patient.gender")) == []
    assert [code.code for code in mapped.unmapped_codes] == ["2"]
    assert {place.segment for place in mapped.ledger.unmapped} == {"PID", "ZIN"}


def test_a_code_keeps_the_system_of_its_table(folder: Path) -> None:
    (folder / "north/LAB1/tables/MaritalStatus.csv").write_text("code,target\nVERH,M\n")
    coding = said(folder, "Patient.maritalStatus.coding", MESSAGE.replace(b"|2\r", b"|2||||||||VERH\r"))
    assert coding[0] == {
        "system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus",
        "code": "M",
        "display": "Married",
    }


def test_a_row_stands_in_for_that_of_the_same_place_and_element(folder: Path) -> None:
    (folder / "north/LAB1/rows.csv").write_text('identifier,target,assignment\nPID-8,Patient.gender,"""other"""\n')
    assert said(folder, "Patient.gender") == ["other"]


def test_a_row_can_be_taken_away(folder: Path) -> None:
    (folder / "north/LAB1/rows.csv").write_text("identifier,target,assignment\nPID-7,Patient.birthDate,drop()\n")
    assert said(folder, "Patient.birthDate") == []


def test_a_segment_that_no_rows_map_can_be_mapped(folder: Path) -> None:
    (folder / "north/LAB1/rows.csv").write_text("identifier,target\nIN2-25,Coverage.identifier[payor].value\n")
    message = MESSAGE.replace(b"ZIN|", b"IN1|1|P|I\rIN2||||||||||||||||||||||||||PA1\rZIN|")
    assert "PA1" not in said(folder, "Coverage.identifier.value", message)
    message = message.replace(b"|PA1", b"PA1")
    assert "PA1" in said(folder, "Coverage.identifier.value", message)


def test_the_zone_is_that_of_the_sender(folder: Path) -> None:
    assert said(folder, "Provenance.recorded") == ["2024-05-01T00:00:00+02:00"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("PID-8,Patient.sex", "no element 'sex'"),
        ("PID-8,gender", "from the resource type on"),
        ("PID8,Patient.gender", "such as PID-8"),
        ("PID-8,Patient.name", None),
    ],
)
def test_a_wrong_row_is_named_with_its_place(folder: Path, row: str, why: str | None) -> None:
    (folder / "north/LAB1/rows.csv").write_text(f"identifier,target\n{row}\n")
    if why is None:
        assert plan_of("LAB1", folder).own_problems == ()
        return
    with pytest.raises(MappingError, match=why):
        Plans(folder)


def test_a_reload_puts_new_plans_in_place(folder: Path) -> None:
    plans = Plans(folder)
    before = plans.of("north/LAB1").id
    (folder / "north/LAB1/tables/AdministrativeSex.csv").write_text("code,target\n2,female\n")
    assert plans.reload().changed == {"north/LAB1": plans.of("north/LAB1").id}
    assert plans.of("north/LAB1").id != before
    assert plans.reload().changed == {}


def test_a_reload_that_fails_keeps_the_plans_and_says_why(folder: Path) -> None:
    plans = Plans(folder)
    before = plans.of("north/LAB1")
    (folder / "north/LAB1/tests").mkdir()
    (folder / "north/LAB1/tests/m.hl7").write_bytes(MESSAGE)
    (folder / "north/LAB1/tests/expected.csv").write_text("message,element,value\nm.hl7,Patient.gender,female\n")
    reloaded = plans.reload()
    assert reloaded.reasons == ("north/LAB1/tests/expected.csv line 2: Patient.gender: expected female, found nothing",)
    assert plans.of("north/LAB1") is before


def test_a_sender_that_no_site_knows_has_the_rows_of_everyone(folder: Path) -> None:
    plans = Plans(folder)
    assert plans.of("south/LAB9").sender == ""
    with pytest.raises(MappingError, match="expected one sender"):
        plan_of("LAB9", folder)
