"""Reading packages: what is in one, and what no package may do to whoever reads it."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from fhir_api.packages import archive as archives
from fhir_api.packages.errors import PackageError
from fhir_api.packages.npm import Broken, Packaged, read_manifest, read_package
from tests.support.packages import archive, hostile, manifest, profile

EXAMPLE = '{"resourceType":"Patient","id":"e"}'


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_an_archive_gives_manifest_and_definitions(tmp_path):
    package = read_package(archive(tmp_path, manifest(dependencies={"hl7.fhir.r4.core": "4.0.1"}), profile()))
    assert (package.manifest.name, package.manifest.version) == ("test.a", "1.0.0")
    assert package.manifest.dependencies == {"hl7.fhir.r4.core": "4.0.1"}
    (found,) = package.definitions()
    assert isinstance(found, Packaged)
    assert found.resource.tree["url"] == "http://a.example/StructureDefinition/p"


def test_examples_come_only_when_they_are_asked_for(tmp_path):
    files = {"example/Patient-e": EXAMPLE, "Patient-f": EXAMPLE.replace('"e"', '"f"')}
    package = read_package(archive(tmp_path, manifest(), profile(), **files))
    assert len(list(package.definitions())) == 1
    assert len(list(package.definitions(examples=True))) == 3


def test_index_and_foreign_folders_are_passed_over(tmp_path):
    files = {".index": "{}", "other/x": "not json", "openapi/y": "{}"}
    assert len(list(read_package(archive(tmp_path, manifest(), profile(), **files)).definitions())) == 1


def test_a_folder_is_the_same_package_as_its_archive(tmp_path):
    path = archive(tmp_path, manifest(), profile())
    with tarfile.open(path) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    package = read_package(path)
    assert read_package(tmp_path / "unpacked") == package
    assert read_package(tmp_path / "unpacked/package") == package


def test_byte_order_marks_of_other_tools_are_passed_over(tmp_path):
    (tmp_path / "package.json").write_bytes(b'\xef\xbb\xbf{"name":"a","version":"1"}')
    (tmp_path / "ValueSet-v.json").write_bytes(b'\xef\xbb\xbf{"resourceType":"ValueSet","id":"v"}')
    (found,) = read_package(tmp_path).definitions()
    assert isinstance(found, Packaged)


def test_a_broken_file_is_named_and_the_others_are_read(tmp_path):
    package = read_package(archive(tmp_path, manifest(), profile(), **{"ValueSet-v": "{", "List-l": "[]"}))
    broken = [each.path for each in package.definitions() if isinstance(each, Broken)]
    assert broken == ["package/List-l.json", "package/ValueSet-v.json"]
    assert len(list(package.definitions())) == 3


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "has no name and version"),
        ('{"name":"a"}', "has no name and version"),
        ('{"name":"a","version":1}', "has no name and version"),
        ('{"name":"a","version":"1","dependencies":{"b":1}}', "dependencies"),
    ],
)
def test_a_manifest_that_says_nothing_is_refused(tmp_path, told, said):
    (tmp_path / "package.json").write_text(told)
    with pytest.raises(PackageError, match=said):
        read_package(tmp_path)


@pytest.mark.parametrize("read", [read_package, read_manifest])
def test_what_is_no_package_is_refused(tmp_path, read):
    for name, content in (("a.tgz", b"nothing"), ("b.tgz", gzip.compress(b"nothing")), ("c.tgz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PackageError, match=name):
            read(tmp_path / name)
    with pytest.raises(PackageError, match="no such file"):
        read(tmp_path / "nowhere")


def test_an_archive_that_ends_early_is_refused(tmp_path):
    path = archive(tmp_path, manifest(), profile())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(PackageError, match="not a package archive"):
        read_package(path)


@pytest.mark.parametrize("name", ["../outside.json", "/etc/x.json", "package/../../x.json", "package\\..\\x.json"])
def test_a_path_that_leaves_the_package_is_refused(tmp_path, name):
    with pytest.raises(PackageError, match="leaves the package"):
        read_package(hostile(tmp_path, (member(name), b"{}")))


@pytest.mark.parametrize(
    ("kind", "target"),
    [(tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "package/package.json"), (tarfile.FIFOTYPE, "")],
)
def test_links_and_devices_are_refused(tmp_path, kind, target):
    with pytest.raises(PackageError, match="plain files only"):
        read_package(hostile(tmp_path, (member("package/a.json", kind, target), b"")))


def test_links_in_a_folder_are_refused(tmp_path):
    (tmp_path / "outside.json").write_text("{}")
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "package.json").write_text('{"name":"a","version":"1"}')
    (folder / "a.json").symlink_to(tmp_path / "outside.json")
    with pytest.raises(PackageError, match=r"a\.json"):
        read_package(tmp_path)


def test_a_file_twice_is_refused(tmp_path):
    twice = [(member("package/a.json"), b"{}")] * 2
    with pytest.raises(PackageError, match=r"a\.json stands in it twice"):
        read_package(hostile(tmp_path, *twice))


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 5)
    with pytest.raises(PackageError, match="more than 5 files"):
        read_package(hostile(tmp_path, *((member(f"package/{n}.txt"), b"") for n in range(6))))


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_FILE", 64 * 1024)
    with pytest.raises(PackageError, match=r"a\.json is larger"):
        read_package(hostile(tmp_path, (member("package/a.json"), b" " * 65 * 1024)))


def test_an_archive_that_unpacks_to_more_than_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_CONTENT", 1024 * 1024)
    path = hostile(tmp_path, (member("package/a.txt"), bytes(8 * 1024 * 1024)))
    assert path.stat().st_size < 20_000
    with pytest.raises(PackageError, match="unpacks to more"):
        read_package(path)


def test_a_header_that_claims_a_huge_size_takes_no_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_FILE", 64 * 1024)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as made:
        header = member("package/a.json", tarfile.XHDTYPE)
        header.size = 10**12
        made.fileobj.write(header.tobuf(tarfile.GNU_FORMAT))
    (tmp_path / "huge.tgz").write_bytes(gzip.compress(raw.getvalue()))
    with pytest.raises(PackageError, match=r"huge\.tgz"):
        read_package(tmp_path / "huge.tgz")
