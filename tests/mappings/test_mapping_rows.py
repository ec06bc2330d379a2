"""The published rows are all here, as published, and can be used."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from mappings import rows
from mappings.build.__main__ import main
from mappings.conditions import compile_condition
from mappings.corrections import Function, condition_of, condition_patches, linked
from mappings.errors import MappingError
from mappings.merging import OWN, common, read_table
from mappings.rows import BASE, KINDS, MANIFEST, base, manifest

PUBLISHED = Path(__file__).parents[2] / "../shared/data/v2-to-fhir-mappings"


def conditions() -> list[tuple[str, str]]:
    """Return sheet and text of every published condition."""
    return [
        (sheet, row.condition)
        for sheets in base()
        for sheet, members in sheets.items()
        for row in members
        if row.condition
    ]


def test_every_sheet_is_loaded():
    assert [len(sheets) for sheets in base()] == [13, 75, 105, 99]
    # the guide leaves tables whose codes are a site's own empty
    assert all(members for sheets in base()[:3] for members in sheets.values())


def test_every_file_is_the_published_one():
    found = {
        str(path.relative_to(BASE)): hashlib.sha256(path.read_bytes()).hexdigest()
        for kind in KINDS
        for path in (BASE / kind).iterdir()
    }
    assert found == manifest().sha256


def test_a_rebuild_changes_nothing(tmp_path, monkeypatch, capsys):
    if not PUBLISHED.exists():
        pytest.skip("the mapping sheets are not in ../shared/data")
    monkeypatch.setattr(sys, "argv", ["mappings.build", "--source", str(PUBLISHED), "--to", str(tmp_path)])
    main()
    assert capsys.readouterr().out == "292 sheets\n"
    assert (tmp_path / MANIFEST).read_bytes() == (BASE / MANIFEST).read_bytes()


def test_an_edited_file_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "messages"
    folder.mkdir()
    (folder / "ADT_A01.csv").write_bytes((BASE / "messages/ADT_A01.csv").read_bytes() + b"\n")
    monkeypatch.setattr(rows, "BASE", tmp_path)
    with pytest.raises(MappingError, match="not the file that was published"):
        rows.base.__wrapped__()


def test_every_condition_is_parsed_or_corrected():
    published = conditions()
    assert len(published) == 543
    for sheet, text in published:
        found = condition_of(sheet, text)
        if found is not None and not isinstance(found, Function):
            compile_condition(found)


def test_every_correction_is_needed():
    published = set(conditions())
    for sheet, text in condition_patches():
        assert (sheet, text) in published
        with pytest.raises(MappingError):
            condition_of("elsewhere", text)


def test_corrections_give_a_condition_a_function_or_nothing():
    assert condition_of("OML_O21", "ic") is None
    assert condition_of("PID[Patient]", "") is None
    assert condition_of("ResultStatus[Non-Queries]", "IF NOT MAPPED ERROR") == Function("is_unmapped")


def test_every_link_leads_to_a_sheet():
    messages, segments, datatypes, tables = base()
    parts = [row for sheets in (segments, datatypes) for members in sheets.values() for row in members]
    assert [row.map for row in parts if row.map and linked(datatypes, row.map) is None] == []
    assert [row.vocabulary for row in parts if row.vocabulary and linked(tables, row.vocabulary) is None] == []
    targets = [row.map for members in messages.values() for row in members if row.map]
    assert [target for target in targets if linked(segments, target) is None] == []
    assert linked(tables, "nonsense") is None


def test_rows_say_what_they_map():
    name = next(row for row in base().segments["PID[Patient]"] if row.identifier == "PID-5")
    assert (name.target, name.target_type, name.map) == ("name[1]", "HumanName", "XPN[HumanName]")
    codes = {row.code: row.target for row in base().tables["AdministrativeSex"] if row.target}
    assert codes["F"] == "female"


def test_every_condition_in_words_has_a_policy_with_its_reason():
    policies = read_table(OWN / "policies.csv")
    assert {row["counts"] for row in policies} == {"yes", "no"}
    assert all(row["reason"] for row in policies)
    messages, segments, datatypes, _ = base()
    members = [row for sheets in (messages, segments, datatypes) for rows in sheets.values() for row in rows]
    assert {row["condition"] for row in policies} == {row.narrative for row in members if row.narrative and row.target}


def test_a_row_whose_policy_is_no_does_not_count():
    condition = "If the placer number is also the accession identifier."
    assert condition in {row.narrative for row in base().segments["OBR[Specimen]"]}
    assert "accessionIdentifier" not in {row.target for row in common().segments["OBR[Specimen]"]}
