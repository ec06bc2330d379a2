"""HL7 v2 to FHIR and back: what the outbound rows declare to keep is there again, in each of the outside messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.mapping import Plan
from adapters.hl7.outbound.building import BuildError, Envelope, Subject, build
from adapters.hl7.outbound.checking import check
from adapters.hl7.outbound.compiling import MessagePlan, compiled
from adapters.hl7.outbound.related import with_related
from mappings.merging import common
from tests.support.hl7 import ADT, samples

Json = dict[str, Any]
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
VERSION = "2.5.1"
ENVELOPE = Envelope(("STANFORIS", ""), ("OTHER", ""))

UNMAKEABLE = {
    "LAB-ORU-1.hl7": "OBX-11",
    "ORM-O01-04.hl7": "OBR-4",
    "ORM-O01-05.hl7": "OBR-4",
    "ORM-O01-06.hl7": "OBR-4",
}
"""Messages of which no valid one can be made again, and the place that lacks what is required: results that came
without a status, and orders of a diet, supplies and a drug, which have no OBR: other resources say what was ordered."""
LOST = {
    ("LAB-ORM-1.hl7", "ORC-9"): "a time without an offset gets that of the sender",
    ("MDHHS-OML-O21-2.hl7", "OBR-4.1"): "two requests under one placer number are one order",
    ("MDHHS-OML-O21-2.hl7", "OBR-4.2"): "the same",
    ("OML-O21-03.hl7", "OBR-4.2"): "orders under one placer group number are one order",
    ("OML-O21-03.hl7", "ORC-2.1"): "the same",
    ("ORU-R01-01.hl7", "OBR-4.3"): "a code system that the inbound rows do not know has no URI",
    ("ORU-R01-01.hl7", "OBX-3.1"): "an OBX about the patient is no result of the report",
    ("ORU-R01-01.hl7", "OBX-3.2"): "the same",
    ("ORU-R01-01.hl7", "OBX-5.1"): "the same",
    ("ORU-R01-01.hl7", "OBX-6.1"): "the same",
    ("ORU-R01-01.hl7", "OBX-11"): "the same",
}
"""Declared places that a message loses all the same, and why."""


class Bundled:
    """The resources of a Bundle, by the references in it."""

    def __init__(self, bundle: Json) -> None:
        self.resources: dict[str, Json] = {
            entry["fullUrl"]: {**entry["resource"], "id": entry["fullUrl"].removeprefix("urn:uuid:")}
            for entry in bundle["entry"]
        }

    async def read(self, reference: str) -> Json | None:
        return self.resources.get(reference)

    async def search(self, query: str) -> list[Json]:
        kind = query.partition("?")[0]
        return [resource for resource in self.resources.values() if resource["resourceType"] == kind]


@cache
def plans() -> dict[tuple[str, str], MessagePlan]:
    """Return the outbound messages by MSH-9.1 and MSH-9.2."""
    known = compiled(VERSION).values()
    return {(plan.file.message, trigger.event): plan for plan in known for trigger in plan.triggers}


@cache
def inbound() -> Plan:
    return Plan(common(), "sender")


def wanted() -> Iterator[str]:
    for name, raw in samples().items():
        message = Message.parse(raw)
        if (message["MSH-9.1"], message["MSH-9.2"]) in plans():
            yield name


async def returned(name: str) -> list[Message]:
    """Return what is sent of what a message became: one for each resource that triggers one."""
    message = Message.parse(samples()[name])
    plan = plans()[message["MSH-9.1"], message["MSH-9.2"]]
    bundled = Bundled(inbound().apply(message, now="2026-11-23T10:00:00.000Z").bundle)
    made = []
    for focus in bundled.resources.values():
        if focus["resourceType"] != plan.file.resource or _is_other_side_of_a_merge(plan, focus):
            continue
        subject = Subject(focus, message["MSH-9.2"], 1_800_000_000_000)
        built = build(plan, await with_related(plan, subject, bundled), ENVELOPE, "ID", NOW)
        check(built.raw, VERSION)
        made.append(Message.parse(built.raw))
    return made


def _is_other_side_of_a_merge(plan: MessagePlan, focus: Json) -> bool:
    return plan.name == "ADT_A39" and not any(link["type"] == "replaced-by" for link in focus.get("link", []))


def comparable(text: str) -> str:
    """Return a time without the seconds that FHIR adds; any other text as it is."""
    found = re.fullmatch(r"(\d{12})(\d\d)?(?:\.\d+)?([+-]\d{4})?", text)
    return text if found is None else found[1] + (found[3] or "")


async def test_declared_places_are_kept_or_the_loss_is_explained():
    names = list(wanted())
    assert len(names) >= 60
    lost, unmakeable, kept = set(), {}, 0
    for name in names:
        before = Message.parse(samples()[name])
        plan = plans()[before["MSH-9.1"], before["MSH-9.2"]]
        try:
            after = await returned(name)
        except BuildError as error:
            unmakeable[name] = str(error).partition(":")[0]
            continue
        assert after, f"{name}: nothing is sent"
        for place in plan.file.keeps:
            told = {comparable(text) for text in before.values(place) if text}
            again = {comparable(text) for message in after for text in message.values(place)}
            kept += len(told & again)
            if not told <= again:
                lost.add((name, place))
    assert lost == LOST.keys()
    assert unmakeable == UNMAKEABLE
    assert kept > 500


@pytest.mark.parametrize("version", ["2.3.1", "2.4", "2.5", "2.6", "2.7", "2.8", "2.8.2"])
async def test_a_visit_is_valid_in_each_version(version: str):
    plan = compiled(version)["ADT_A01"]
    bundled = Bundled(inbound().apply(Message.parse(ADT), now="2026-11-23T10:00:00.000Z").bundle)
    focus = next(each for each in bundled.resources.values() if each["resourceType"] == "Encounter")
    subject = await with_related(plan, Subject(focus, "A01", 1_800_000_000_000), bundled)
    built = build(plan, subject, ENVELOPE, "ID", NOW)
    check(built.raw, version)
    message = Message.parse(built.raw)
    assert (message["MSH-12"], message["PID-3.1"], message["PV1-2"], message["PV1-3.1"]) == (
        version,
        "4711",
        "I",
        "WARD",
    )
