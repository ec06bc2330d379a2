"""Which packages are added, in which order, and what is said when one is missing."""

from __future__ import annotations

import pytest

from fhir_api.packages.dependencies import PackageName, resolve
from fhir_api.packages.errors import PackageError
from fhir_api.packages.versions import satisfies, version_order
from tests.support.packages import archive, manifest, profile


def names(packages):
    return [str(package.manifest) for package in packages]


def test_what_is_needed_comes_first(tmp_path):
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    archive(shelf, manifest("c"))
    archive(shelf, manifest("b", dependencies={"c": "1.0.0", "hl7.fhir.r4.core": "4.0.1"}))
    wanted = archive(tmp_path, manifest("a", dependencies={"b": "1.0.0", "c": "1.0.0"}))
    assert names(resolve([wanted], [shelf], [])) == ["c@1.0.0", "b@1.0.0", "a@1.0.0"]


def test_the_newest_that_fits_is_taken(tmp_path):
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for version in ("1.0.2", "1.0.10", "1.1.0"):
        archive(shelf, manifest("b", version))
    wanted = archive(tmp_path, manifest("a", dependencies={"b": "1.0.x"}))
    assert names(resolve([wanted], [shelf], [])) == ["b@1.0.10", "a@1.0.0"]


def test_what_is_there_already_is_not_added_again(tmp_path):
    wanted = archive(tmp_path, manifest("a", dependencies={"b": "1.0.0"}))
    assert names(resolve([wanted], [], [PackageName("b", "1.0.0")])) == ["a@1.0.0"]
    with pytest.raises(PackageError, match=r"b@1\.0\.0"):
        resolve([wanted], [], [PackageName("b", "2.0.0")])


def test_all_that_is_missing_is_named(tmp_path):
    wanted = archive(tmp_path, manifest("a", dependencies={"b": "1.0.0", "c": "2.1.x"}))
    with pytest.raises(PackageError, match=r"b@1\.0\.0 \(needed by a@1\.0\.0\); c@2\.1\.x"):
        resolve([wanted], [tmp_path], [])
    assert names(resolve([wanted], [], [], allow_missing=True)) == ["a@1.0.0"]


def test_a_circle_is_shown(tmp_path):
    first = archive(tmp_path, manifest("a", dependencies={"b": "1.0.0"}))
    archive(tmp_path, manifest("b", dependencies={"a": "1.0.0"}))
    with pytest.raises(PackageError, match=r"a@1\.0\.0 -> b@1\.0\.0 -> a@1\.0\.0"):
        resolve([first], [tmp_path], [])


@pytest.mark.parametrize(
    "members",
    [
        {"fhirVersions": ["5.0.0"]},
        {"fhirVersions": ["4.3.0"]},
        {"fhir-version-list": ["3.0.2"], "fhirVersions": None},
        {"dependencies": {"hl7.fhir.core": "3.0.1"}, "fhirVersions": None},
        {"dependencies": {"hl7.fhir.r5.core": "5.0.0"}, "fhirVersions": None},
        {"dependencies": {"hl7.fhir.r4b.core": "4.3.0"}, "fhirVersions": None},
    ],
)
def test_packages_for_other_versions_of_fhir_are_refused(tmp_path, members):
    with pytest.raises(PackageError, match="R4"):
        resolve([archive(tmp_path, manifest(**members))], [], [])


def test_the_specification_itself_is_there_already(tmp_path):
    with pytest.raises(PackageError, match="part of the server"):
        resolve([archive(tmp_path, manifest("hl7.fhir.r4.core", "4.0.1"), profile())], [], [])


def test_versions_are_ordered_as_they_follow_each_other():
    versions = [
        "0.9",
        "1.0.0-ballot",
        "1.0.0-ballot2",
        "1.0.0",
        "1.2.0",
        "1.10.0",
        "2.0.0+build",
        "2018-08-12",
        "2019-01-01",
    ]
    shuffled = versions[4:] + versions[:4]
    assert sorted(shuffled, key=version_order) == versions


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [("1.0.0", "1.0.0", True), ("1.0.1", "1.0.x", True), ("1.1.0", "1.0.x", False), ("9", "latest", True)],
)
def test_versions_that_a_dependency_takes(version, wanted, fits):
    assert satisfies(version, wanted) is fits
