"""Pairs of a message and what another engine makes of it, one mapping rule each.

What the other engine's own extensions say is taken out first, with the resources that only they refer to; so is the
Organization that stands for that engine. Everything else it says, this one has to say, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.mapping import Plan
from fhir_api.model import exact_json
from mappings.merging import common
from tests.support.hl7 import SHARED

OWN_EXTENSIONS = ("reportstream", "fhir-databind")
ITSELF = "2.16.840.1.114222.4.1.237821"
"""Identifier of the Organization that stands for the other engine."""
SUPPORTING = frozenset({"Organization", "Location", "Practitioner"})

DEVIATIONS = {
    "EI-to-Identifier-Extension": "an authority with an OID has it as its system; the pair's is its namespace, no URI",
    "dtm-day-precision-to-instant": "an instant has a time; the pair's is no instant",
    "dtm-month-precision-to-instant": "an instant has a time; the pair's is no instant",
    "dtm-year-precision-to-instant": "an instant has a time; the pair's is no instant",
    "xtn_23_xtn18_has_negative_value": "a rank is positive; the pair's is -1",
}


def pairs() -> list[Path]:
    """Return the messages of the pairs."""
    folder = SHARED / "v2-rule-pairs"
    if not folder.exists():
        pytest.skip("the HL7 v2 rule pairs are not in ../shared/data")
    return sorted(folder.rglob("*.hl7"))


def test_at_least_95_of_100_pairs_agree_and_each_deviation_is_explained() -> None:
    plan = Plan(common(), "sender")
    deviations = {path.stem: missing for path in pairs() if (missing := _missing(plan, path))}
    assert {name: missing for name, missing in deviations.items() if name not in DEVIATIONS} == {}
    assert set(deviations) == set(DEVIATIONS)
    assert 1 - len(deviations) / len(pairs()) >= 0.95


def _missing(plan: Plan, path: Path) -> set[tuple[str, str]]:
    # "Sending App Universal" is used as a URI, which has no blanks
    raw = path.read_bytes().replace(b"Sending App Universal", b"SendingAppUniversal")
    expected = path.with_suffix(".fhir").read_text("utf-8").replace("Sending App Universal", "SendingAppUniversal")
    got = json.loads(exact_json.written(plan.apply(Message.parse(raw)).bundle))
    return set(_said(json.loads(expected))) - set(_said(got))


def _said(bundle: dict[str, Any]) -> Iterator[tuple[str, str]]:
    entries = [
        {**entry, "resource": _cleaned(entry["resource"])}
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] != "Provenance"
    ]
    entries = [entry for entry in entries if ITSELF not in json.dumps(entry)]
    while True:
        referred = {found for entry in entries for found in _references(entry["resource"])}
        kept = [
            entry
            for entry in entries
            if entry["resource"]["resourceType"] not in SUPPORTING or entry.get("fullUrl") in referred
        ]
        if len(kept) == len(entries):
            break
        entries = kept
    for entry in entries:
        resource = entry["resource"]
        if len(resource) > 1:
            yield from _leaves(resource, resource["resourceType"])


def _cleaned(value: Any) -> Any:
    if isinstance(value, list):
        return [cleaned for each in value if (cleaned := _cleaned(each)) not in ({}, [])]
    if not isinstance(value, dict):
        return value
    found = {name: _cleaned(each) for name, each in value.items() if name not in {"id", "meta"}}
    if "extension" in found:
        found["extension"] = [
            each for each in found["extension"] if not any(own in each.get("url", "") for own in OWN_EXTENSIONS)
        ]
    if "coding" in found:
        # a coding without a code says nothing
        found["coding"] = [each for each in found["coding"] if set(each) != {"system"}]
    return {name: each for name, each in found.items() if each not in ({}, [], None)}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _references(each)
    elif isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for each in value.values():
            yield from _references(each)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name not in {"reference", "resourceType"}:
                yield from _leaves(each, f"{path}.{name}")
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, path)
    else:
        yield path, str(value)
