"""Train the dictionary under which PostgreSQL holds bodies, and measure it.

    python -m benchmarks.dictionary train        # writes fhir_api/store/postgres/dictionary-1.zstd
    python -m benchmarks.dictionary measure DIR  # ratio and microseconds on bundles that it has not seen

It is made of synthetic records (:mod:`stanforis.demo.generator`) and of the names, codes and systems of the R4
definitions, nothing else. A dictionary in use must never change: a new one gets the next number.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import orjson
import zstandard
from rich.console import Console
from rich.table import Table
from stanforis.demo.generator import ndjson

from benchmarks.samples import stored_bodies
from conformance.types import Element, ElementType, node, resource_types
from conformance.value_sets import required_codes
from fhir_api.model.keys import ResourceKey
from fhir_api.model.resource import body, parse

TARGET = Path(__file__).parents[1] / "fhir_api/store/postgres/dictionary-1.zstd"
SIZE = 112_640
LEVEL = 3
_PATIENTS = 480
_INSTANCES = 12
"""Instances made up of each resource type's definition."""
_DEPTH = 4


def train() -> bytes:
    """Return the trained dictionary; the same for the same definitions, generator and zstd."""
    chance = Random(1)
    samples: list[bytes | bytearray | memoryview] = [stored(text) for text in ndjson(_PATIENTS, seed=20_261_123)]
    samples += _definition_samples(chance)
    # The trainer tunes itself on the last quarter of what it is given: that has to be of every kind.
    chance.shuffle(samples)
    return zstandard.train_dictionary(SIZE, samples, level=LEVEL).as_bytes()


def stored(text: bytes) -> bytes:
    """Return a resource's JSON in the layout in which it is stored."""
    resource = parse(text)
    return body(resource, ResourceKey(resource.resource_type, resource.logical_id or "none"))


def _definition_samples(chance: Random) -> Iterator[bytes]:
    """Yield made-up instances of every resource type, so that seldom types find their names as well."""
    for resource_type in resource_types():
        for number in range(_INSTANCES):
            tree = {"resourceType": resource_type, "id": f"{resource_type.lower()}-{number}"}
            yield stored(orjson.dumps(tree | _instance(resource_type, chance, _DEPTH)))


def _instance(name: str, chance: Random, depth: int) -> dict[str, Any]:
    """Return an element of the type *name* with a choice of its members."""
    members: dict[str, Any] = {}
    for element in node(name).elements:
        if element.name in _LEFT_OUT or not (element.min or chance.random() < _LIKELY[element.is_summary]):
            continue
        json_name, kind = chance.choice(list(element.json_names().items()))
        value = _value(element, kind, chance, depth)
        if value not in (None, {}, ""):
            members[json_name] = value if element.max == 1 else [value]
    return members


_LEFT_OUT = {"id", "meta", "extension", "modifierExtension", "contained", "implicitRules", "language"}
_LIKELY = (0.25, 0.6)
_TEXTS = {
    "boolean": True,
    "integer": 1,
    "positiveInt": 1,
    "unsignedInt": 0,
    "decimal": 1.0,
    "dateTime": "2024-05-02T10:15:00+02:00",
    "date": "2024-05-02",
    "instant": "2024-05-02T10:15:00.000+02:00",
    "time": "10:15:00",
    "base64Binary": "AAAA",
    "uri": "http://example.org/fhir/",
    "url": "https://example.org/fhir/",
    "canonical": "http://hl7.org/fhir/StructureDefinition/",
    "uuid": "urn:uuid:",
    "oid": "urn:oid:1.2.840.",
    "id": "example",
    "markdown": "",
}


def _value(element: Element, kind: ElementType, chance: Random, depth: int) -> object:
    codes = required_codes(element.binding.value_set) if element.binding and element.binding.value_set else None
    if kind.code == "code":
        return chance.choice(sorted(codes)) if codes else None
    if kind.code == "CodeableConcept" and codes:
        code = chance.choice(sorted(codes))
        return {"coding": [{"system": codes[code], "code": code}]}
    if kind.code == "Reference":
        targets = [target.rpartition("/")[2] for target in kind.target_profiles]
        return {"reference": f"{chance.choice(targets)}/"} if targets else None
    if kind.code in _TEXTS or node(kind.code).kind == "primitive-type":
        return _TEXTS.get(kind.code)
    return _instance(kind.code, chance, depth - 1) if depth else None


def measure(dictionary: bytes, bodies: Sequence[bytes]) -> dict[str, Any]:
    """Return size, ratio and CPU microseconds a body, in all and for each resource type."""
    trained = zstandard.ZstdCompressionDict(dictionary)
    trained.precompute_compress(level=LEVEL)
    compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=trained, write_checksum=False)
    decompressor = zstandard.ZstdDecompressor(dict_data=trained)
    started = time.process_time()
    packed = [compressor.compress(text) for text in bodies]
    compressed = time.process_time()
    for frame in packed:
        decompressor.decompress(frame)
    finished = time.process_time()
    types: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for text, frame in zip(bodies, packed, strict=True):
        resource_type = text[17 : text.index(b'"', 17)].decode()
        for group in (types[resource_type], types["all"]):
            group[0] += 1
            group[1] += len(text)
            group[2] += len(frame)
    return {
        "compress_us": (compressed - started) / len(bodies) * 1e6,
        "decompress_us": (finished - compressed) / len(bodies) * 1e6,
        "types": {
            name: {"bodies": count, "bytes": size // count, "packed": smaller // count, "ratio": size / smaller}
            for name, (count, size, smaller) in sorted(types.items(), key=lambda item: -item[1][2])
        },
    }


def _print(result: dict[str, Any]) -> None:
    table = Table("type", "bodies", "bytes", "packed", "ratio")
    for name, row in result["types"].items():
        table.add_row(name, str(row["bodies"]), str(row["bytes"]), str(row["packed"]), f"{row['ratio']:.2f}")
    console = Console()
    console.print(table)
    console.print(f"{result['compress_us']:.1f} µs to compress, {result['decompress_us']:.1f} µs to decompress a body")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("train")
    measuring = commands.add_parser("measure")
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.command == "train":
        TARGET.write_bytes(train())
        return
    result = measure(TARGET.read_bytes(), list(stored_bodies(arguments.folder)))
    if arguments.json:
        print(json.dumps(result, indent=1))
    else:
        _print(result)


if __name__ == "__main__":
    main()
