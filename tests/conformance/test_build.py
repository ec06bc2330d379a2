"""The committed data is what the build makes of the official package."""

from __future__ import annotations

import io
import sys
import tarfile
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
import zstandard
from msgspec.structs import replace

from conformance.build import compile_package
from conformance.build.__main__ import main
from conformance.build.package import PackageError, download, read_package
from conformance.build.value_sets import compile_value_sets
from conformance.library import DEFINITIONS, INDEX, read_index
from conformance.manifest import manifest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def archive() -> bytes:
    """Return the official package; the test is skipped where it is neither cached nor within reach."""
    try:
        return download(ROOT / ".cache").read_bytes()
    except PackageError as error:
        pytest.skip(f"the R4 package is not here ({error}); `make conformance` fetches it")


def test_the_package_is_the_one_the_data_was_made_from(archive: bytes) -> None:
    assert sha256(archive).hexdigest() == manifest().sha256


def test_a_rebuild_changes_nothing(archive: bytes) -> None:
    committed = {path.name: path.read_bytes() for path in (ROOT / "conformance" / "data").iterdir()}
    assert plain(compile_package(archive)) == plain(committed)


def plain(files: dict[str, bytes]) -> dict[str, object]:
    """Return files with compressed ones unpacked: versions of Zstandard may pack the same content in other bytes."""
    frames = [replace(frame, start=0, length=0) for frame in read_index(files[INDEX])]
    return {**files, DEFINITIONS: unpacked(files[DEFINITIONS]), INDEX: frames}


def unpacked(content: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True).read()


def test_the_command_writes_the_data_and_says_so(
    archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "core.tgz", tmp_path / "data"
    source.write_bytes(archive)
    monkeypatch.setattr(sys, "argv", ["conformance.build", "--source", str(source), "--to", str(target)])
    main()
    assert {path.name for path in target.iterdir()} == {*manifest().rows, "manifest.jsonl", INDEX}
    assert f"nodes.jsonl: {manifest().rows['nodes.jsonl']} lines" in capsys.readouterr().out


def packed(**members: object) -> bytes:
    """Return a package archive with these files in its ``package`` folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as files:
        for name, content in members.items():
            raw = orjson.dumps(content)
            entry = tarfile.TarInfo(f"package/{name}.json")
            entry.size = len(raw)
            files.addfile(entry, io.BytesIO(raw))
    return buffer.getvalue()


def test_an_archive_without_manifest_is_no_package() -> None:
    with pytest.raises(PackageError, match=r"package\.json"):
        read_package(packed(other={"resourceType": "Patient", "id": "1"}))


def test_definitions_are_sorted_whatever_the_order_in_the_archive() -> None:
    about = {"name": "n", "version": "1", "canonical": "c", "license": "CC0-1.0"}
    second = {"resourceType": "ValueSet", "id": "b", "url": "b"}
    first = {"resourceType": "ValueSet", "id": "a", "url": "a"}
    package = read_package(packed(second=second, package=about, first=first))
    assert [row["id"] for row in package.of_type("ValueSet")] == ["a", "b"]


@pytest.mark.parametrize(
    ("compose", "reason"),
    [
        ({"include": [{"system": "s", "filter": []}]}, "filter"),
        ({"include": [{"system": "s"}]}, "does not list the codes of s"),
        ({"include": [], "exclude": []}, "excludes"),
    ],
)
def test_a_value_set_that_cannot_be_listed_says_why(compose: dict[str, object], reason: str) -> None:
    about = {"name": "n", "version": "1", "canonical": "c", "license": "CC0-1.0"}
    value_set = {"resourceType": "ValueSet", "id": "v", "url": "v", "compose": compose}
    (row,) = compile_value_sets(read_package(packed(package=about, value_set=value_set)), ["v"])
    assert row.open_because is not None
    assert reason in row.open_because
    assert row.systems == {}
