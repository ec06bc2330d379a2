"""Outside resources to test against; tests are skipped where they are absent."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

SHARED = Path(__file__).parents[2] / "../shared/data"


@cache
def official_examples() -> list[dict[str, Any]]:
    """Return the official R4 example resources."""
    path = SHARED / "r4-examples/examples.ndjson.gz"
    if not path.exists():
        pytest.skip("the official R4 examples are not in ../shared/data")
    return [orjson.loads(line) for line in gzip.open(path)]


@cache
def synthea_resources(bundles: int = 8) -> list[dict[str, Any]]:
    """Return the resources of some Synthea bundles, references between them as ``Type/id``."""
    paths = sorted((SHARED / "synthea-r4").glob("*.json.gz"))[:bundles]
    if not paths:
        pytest.skip("the Synthea bundles are not in ../shared/data")
    return [resource for path in paths for resource in _resources(gzip.decompress(path.read_bytes()))]


def _resources(raw: bytes) -> list[dict[str, Any]]:
    for entry in orjson.loads(raw)["entry"]:
        resource = entry["resource"]
        literal = f"{resource['resourceType']}/{resource['id']}"
        raw = raw.replace(entry["fullUrl"].encode(), literal.encode())
    return [entry["resource"] for entry in orjson.loads(raw)["entry"]]
