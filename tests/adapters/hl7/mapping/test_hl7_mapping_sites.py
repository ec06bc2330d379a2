"""What a site does otherwise: an integrator's task, done with files only."""

from __future__ import annotations

import re
from decimal import Decimal
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
    plan = plan_of("example/DEMO")
    mapped = plan.apply(Message.parse(MESSAGE))
    assert list(values(mapped.bundle, "Patient.gender")) == ["female"]
    assert list(values(mapped.bundle, "Coverage.subscriberId")) == ["X123"]
    assert plan.own_problems == ()
    site, sender = find_sender("DEMO", SITES)
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


ODD = (
    "MSH|^~\\&|HIS9|S|||20260102101500||ADT^ZA1|1|P|9.9\rPID|1|88|||UWASE, Diane M||24/12/1990|W\r"
    "PV1|1|S|MED-2\rZIN|1|X1|RSSB\rZIN|2|Y2|MMI\r"
).encode("latin-1")
RESULTS = (
    b"MSH|^~\\&|HIS9|S|||20260102101500||ORU^R01|1|P|2.3\rPID|1||88\rOBR|1|P|F|HB^Hb^LOC|||2.1.2026 9:05\r"
    b"OBX|1|NM|HB^Hb^LOC||12,5|g%|||||OK\rZQC|analyser A\rOBX|2|NM|GLU^Glu^LOC||90|mg%|||||OK\rZQC|analyser B\r"
)
ODDITIES = {
    "site.yaml": "name: south\nzone: Africa/Kigali\nsenders:\n  - name: HIS9\n    application: HIS9\n"
    '    dates: [DD/MM/YYYY, "DD.MM.YYYY hh:mm"]\n    decimal: ","\n',
    "HIS9/events.csv": "event,structure\nADT^ZA1,ADT_A01\n",
    "HIS9/rows.csv": "identifier;target;map;vocabulary\nPID-5;Patient.name;family_name_first();\n"
    "PV1-3;Encounter.location[1].location(Location.name);;Ward\n",
    "HIS9/z/ZIN.csv": "identifier,target\nZIN-2,Coverage.subscriberId\nZIN-3,Coverage.payor(Organization.name)\n",
    "HIS9/z/ZQC.csv": "identifier,target\nZQC-1,Observation[last].method.text\n",
    "HIS9/tables/Ward.csv": "code,target\nMED-2,Internal medicine 2\n",
    "HIS9/tables/UnitOfMeasure.csv": "code,target\nmg%,mg/dL\ng%,g/dL\n",
    "HIS9/tables/ObservationResultStatusCodesInterpretation.csv": "code,target\nOK,final\n",
    "HIS9/tables/AdministrativeSex.csv": "code,target\nW,female\n",
}


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    for name, text in ODDITIES.items():
        path = tmp_path / "south" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("message", "element", "expected"),
    [
        (ODD, "Patient.birthDate", ["1990-12-24"]),
        (ODD, "Patient.gender", ["female"]),
        (ODD, "Patient.name.family", ["UWASE"]),
        (ODD, "Patient.name.given", ["Diane", "M"]),
        (ODD, "Patient.name.text", ["UWASE, Diane M"]),
        (ODD, "Location.name", ["Internal medicine 2"]),
        (ODD, "Coverage.subscriberId", ["X1", "Y2"]),
        (RESULTS, "DiagnosticReport.effectiveDateTime", ["2026-01-02T09:05:00+02:00"]),
        (RESULTS, "Observation.status", ["final", "final"]),
        (RESULTS, "Observation.valueQuantity.value", [Decimal("12.5"), Decimal(90)]),
        (RESULTS, "Observation.valueQuantity.code", ["g/dL", "mg/dL"]),
        (RESULTS, "Observation.method.text", ["analyser A", "analyser B"]),
    ],
)
def test_oddities_of_a_sender_are_made_right_by_files(
    odd: Path, message: bytes, element: str, expected: list[object]
) -> None:
    plan = plan_of("HIS9", odd)
    assert plan.own_problems == ()
    assert list(values(plan.apply(Message.parse(message)).bundle, element)) == expected


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("HIS9/rows.csv", "identifier,target\nPID-8,Patient.gendr\n", "column target: gendr: Patient has no element"),
        ("HIS9/rows.csv", "identifier,target,map\nPID-5,Patient.name,first()\n", "column map: there is no function"),
        ("HIS9/rows.csv", "identifier,target,condition\nPID-8,Patient.gender,IF X IS\n", "column condition: "),
        ("HIS9/tables/AdministrativeSex.csv", "code,target\nW,femal\n", "column target: 'femal' is none of female"),
        ("HIS9/tables/AdminstrativeSex.csv", "code,target\nW,female\n", "is AdministrativeSex meant?"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_column(odd: Path, file: str, text: str, told: str) -> None:
    (odd / "south" / file).write_text(text)
    found = [(each.origin, each.text) for each in plan_of("HIS9", odd).own_problems if f"south/{file}" == each.origin]
    assert len(found) == 1
    assert told in found[0][1]


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("site.yaml", "DD/MM/YYYY", "DD/MM", "south/site.yaml: sender HIS9: dates: expected a form such as DD/MM/YYYY"),
        ("site.yaml", "application", "charset: 8859-99\n    application", "charset: expected a label of table 0211"),
        ("HIS9/events.csv", "ADT_A01", "ADT_A99", "south/HIS9/events.csv line 2: column structure: expected"),
        ("HIS9/tables/Ward.csv", "target", "to", "south/HIS9/tables/Ward.csv line 1: expected the columns code"),
    ],
)
def test_files_that_cannot_be_used_are_named(odd: Path, file: str, old: str, new: str, told: str) -> None:
    path = odd / "south" / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(MappingError, match=re.escape(told)):
        plan_of("HIS9", odd)
