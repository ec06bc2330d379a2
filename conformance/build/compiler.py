"""From a package to the files of ``conformance/data``."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from conformance.build.definitions import compile_compartments, compile_operations, compile_search_parameters
from conformance.build.library import compile_library
from conformance.build.package import DISTRIBUTION, read_package
from conformance.build.structures import compile_nodes
from conformance.build.value_sets import compile_value_sets
from conformance.library import DEFINITIONS
from conformance.manifest import Manifest


def compile_package(archive: bytes) -> dict[str, bytes]:
    """Return the data files by name, compiled from the archive of the R4 package.

    Equal input gives equal bytes, as far as Zstandard's version is the same too.
    """
    package = read_package(archive)
    nodes, skipped_structures = compile_nodes(package)
    parameters, skipped_parameters = compile_search_parameters(package)
    bound = {
        element.binding.value_set
        for node in nodes
        for element in node.elements
        if element.binding and element.binding.strength == "required" and element.binding.value_set
    }
    library, definitions = compile_library(package)
    rows: dict[str, Sequence[msgspec.Struct]] = {
        "nodes.jsonl": nodes,
        "search_parameters.jsonl": parameters,
        "value_sets.jsonl": compile_value_sets(package, bound),
        "compartments.jsonl": list(compile_compartments(package)),
        "operations.jsonl": list(compile_operations(package)),
    }
    manifest = Manifest(
        package=package.name,
        version=package.version,
        canonical=package.canonical,
        licence=package.licence,
        distribution=DISTRIBUTION,
        sha256=package.sha256,
        rows={name: len(members) for name, members in rows.items()} | {DEFINITIONS: definitions},
        skipped={"StructureDefinition": skipped_structures, "SearchParameter": skipped_parameters},
    )
    rows["manifest.jsonl"] = [manifest]
    return {name: _lines(members) for name, members in rows.items()} | library


def _lines(rows: Sequence[msgspec.Struct]) -> bytes:
    return msgspec.json.Encoder().encode_lines(rows)
