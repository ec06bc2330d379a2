"""``stanforis hl7``: exit codes and what is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stanforis.cli.application import application
from typer.testing import CliRunner, Result

from mappings.sites import SITES

UPDATE = str(SITES / "example/DEMO/tests/update.hl7")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(application, ["hl7", *arguments])


def test_check_names_wrong_rows_of_a_site(tmp_path: Path) -> None:
    assert run("check", "--sender", "DEMO").exit_code == 0
    (tmp_path / "north/LAB1").mkdir(parents=True)
    (tmp_path / "north/site.yaml").write_text("name: north\nsenders: [{name: LAB1}]\n")
    (tmp_path / "north/LAB1/rows.csv").write_text("identifier,target\nPID-8,Patient.sex\n")
    found = run("check", "--sender", "LAB1", "--sites", str(tmp_path), "--json")
    assert found.exit_code == 1
    (problem,) = json.loads(found.stdout)["problems"]
    assert (problem["origin"], problem["line"], problem["identifier"]) == ("north/LAB1/rows.csv", 2, "PID-8")


def test_check_names_what_is_wrong_with_a_destination(tmp_path: Path) -> None:
    (tmp_path / "north").mkdir()
    (tmp_path / "north/site.yaml").write_text(
        "name: north\nsenders: [{name: LAB1}]\n"
        "destinations: [{name: RIS, host: ris.example, port: 2575, messages: [ADT_A99]}]\n"
    )
    found = run("check", "--sender", "LAB1", "--sites", str(tmp_path), "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["outbound"].startswith(
        "north/site.yaml: destination RIS: messages: expected some of"
    )


def test_preview_shows_bundle_and_ledger() -> None:
    found = run("preview", UPDATE, "--sender", "DEMO", "--json")
    shown = json.loads(found.stdout)
    assert found.exit_code == 0
    assert shown["bundle"]["type"] == "transaction"
    assert "ZIN[1]-1[1].1.1" in shown["mapped"]
    assert shown["unmapped"] == []


def test_preview_of_a_message_without_rows_fails(tmp_path: Path) -> None:
    (tmp_path / "m.hl7").write_bytes(b"MSH|^~\\&|A|B|||2024||QBP^Q11|1|P|2.5\r")
    assert run("preview", str(tmp_path / "m.hl7")).exit_code == 1


def test_explain_names_the_rows_of_a_place() -> None:
    found = run("explain", "ZIN-1", "--sender", "DEMO", "--json")
    assert [(row["sheet"], row["target"]) for row in json.loads(found.stdout)] == [("ZIN[Coverage]", "subscriberId")]
    assert "AdministrativeSex" in run("explain", "PID-8").stdout
    assert run("explain", "ZZZ-1").exit_code == 1


def test_the_tests_of_a_sender_run() -> None:
    found = run("test", "--sender", "example/DEMO", "--json")
    assert found.exit_code == 0
    assert json.loads(found.stdout)[0]["failures"] == []


def test_diff_shows_what_becomes_something_else() -> None:
    assert run("diff", "DEMO", "DEMO", UPDATE).exit_code == 0
    found = run("diff", "-", "DEMO", UPDATE, "--json")
    assert found.exit_code == 1
    assert "Patient.gender = female" in json.loads(found.stdout)["differences"][0]["only_second"]


def test_coverage_counts_leaves() -> None:
    shown = json.loads(run("coverage", UPDATE, "--json").stdout)
    assert shown["messages"] == 1
    assert shown["places"] == {"PID-8.1": 1, "ZIN-1.1": 1, "ZIN-2.1": 1}
    assert shown["codes"] == [{"sender": "", "table": "AdministrativeSex", "code": "2", "count": 1}]


@pytest.mark.parametrize("arguments", [("preview", "nowhere.hl7"), ("check", "--sender", "NOBODY")])
def test_what_is_not_there_is_told(arguments: tuple[str, ...]) -> None:
    found = run(*arguments)
    assert found.exit_code == 1
    assert found.exception is not None


def test_a_new_sender_begins_with_what_no_row_maps(tmp_path: Path) -> None:
    message = tmp_path / "m.hl7"
    message.write_bytes(b"MSH|^~\\&|LAB9|N|||20260101||ADT^A08|1|P|2.5\rPID|1||7^^^N^MR|||||2\rZIN|X123|AOK\r")
    sites = tmp_path / "sites"
    assert run("begin", "north/LAB9", str(message), "--sites", str(sites)).exit_code == 0
    table, sheet = sites / "north/LAB9/tables/AdministrativeSex.csv", sites / "north/LAB9/z/ZIN.csv"
    assert table.read_text() == "code,target\n2,?\n"
    assert sheet.read_text() == "identifier,target,comment\nZIN-1,?,\nZIN-2,?,\n"
    assert run("check", "--sender", "LAB9", "--sites", str(sites)).exit_code == 1
    table.write_text("code,target\n2,female\n")
    sheet.write_text("identifier,target\nZIN-1,Coverage.subscriberId\nZIN-2,Coverage.payor(Organization.name)\n")
    run("begin", "north/LAB9", str(message), "--sites", str(sites))
    assert table.read_text() == "code,target\n2,female\n"
    assert run("check", "--sender", "LAB9", "--sites", str(sites)).exit_code == 0
    shown = run("preview", str(message), "--sender", "LAB9", "--sites", str(sites)).stdout
    assert "+ Patient.gender = female" in shown
    assert "+ Coverage.subscriberId = X123" in shown
    assert "0 not mapped" in shown


@pytest.mark.parametrize("name", ["LAB9", "../x/LAB9", "north/LAB9/x"])
def test_a_sender_needs_a_site_and_a_name(name: str, tmp_path: Path) -> None:
    assert run("begin", name, UPDATE, "--sites", str(tmp_path)).exit_code == 1
    assert list(tmp_path.iterdir()) == []
