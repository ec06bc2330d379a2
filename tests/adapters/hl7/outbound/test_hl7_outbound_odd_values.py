"""HL7 v2 to FHIR and back: a hundred results, documents of 5 MB, what repeats, and characters that are not plain."""

from __future__ import annotations

import base64

from adapters.hl7.encoding import Message
from adapters.hl7.outbound.building import Envelope, Subject, build
from adapters.hl7.outbound.checking import check
from adapters.hl7.outbound.related import with_related
from tests.adapters.hl7.outbound.test_hl7_outbound_round_trip import (
    NOW,
    VERSION,
    Bundled,
    comparable,
    inbound,
    plans,
)

PID = (
    "PID|1||4711^^^M&1.2.3&ISO^MR~88^^^N&1.2.4&ISO^PI||Müller\\T\\Söhne^Zoë^Ngũgĩ^^^^L~Uwase^Diane^^^^^M||19900101|F|||"
    "1 Rue de l'Été^^Kigali^^100^RWA^H~PO 1^^Huye^^^RWA^M||^PRN^PH^^^250^78123~^NET^Internet^d@north.example"
)
REPEATED = ("PID-3.1", "PID-5.1", "PID-5.2", "PID-11.1", "PID-11.3", "PID-13.4", "PID-13.7")


async def there_and_back(event: str, *segments: str) -> tuple[Message, Message]:
    """Return a message, and the one that is sent of what it became."""
    header = f"MSH|^~\\&|A|B|C|D|20260101||{event}|1|P|2.5.1||||||UNICODE UTF-8"
    before = Message.parse("\r".join([header, *segments, ""]).encode())
    plan = plans()[before["MSH-9.1"], before["MSH-9.2"]]
    bundled = Bundled(inbound().apply(before, now="2026-11-23T10:00:00.000Z").bundle)
    (focus,) = (each for each in bundled.resources.values() if each["resourceType"] == plan.file.resource)
    subject = await with_related(plan, Subject(focus, before["MSH-9.2"], 1_800_000_000_000), bundled)
    built = build(plan, subject, Envelope(("S", ""), ("O", "")), "ID", NOW)
    check(built.raw, VERSION, is_full=False)
    return before, Message.parse(built.raw)


def same(before: Message, after: Message, *places: str) -> None:
    for place in places:
        told, again = ([comparable(text) for text in each.values(place) if text] for each in (before, after))
        assert told, place
        assert again == told, place


async def test_a_hundred_results_come_back_in_their_order_with_their_characters():
    numbers = [f"OBX|{each}|NM|718-7^Hb^LN|{each}|{each}.50|g/dL^^UCUM|12-16||||F" for each in range(1, 101)]
    text = "OBX|101|TX|8251-1^Comment^LN|101|a \\F\\ b \\S\\ c \\T\\ d \\R\\ e \\E\\ f\\.br\\ü||||||F"
    request = "OBR|1|P1|F1|58410-2^CBC^LN|||20260101100000+0200|||||||||||||||20260101110000+0200||LAB|F"
    before, after = await there_and_back("ORU^R01", PID, request, *numbers, text)
    assert len(after.all("OBX")) == 101
    same(before, after, *REPEATED, "OBR-4.1", "OBR-7", "OBR-22", "OBX-3.1", "OBX-5", "OBX-6.1", "OBX-11")


async def test_a_document_of_5_mb_comes_back_as_it_was():
    document = base64.b64encode(bytes(range(256)) * 15_000).decode()
    before, after = await there_and_back(
        "MDM^T02", "EVN|T02|20260101", PID, "PV1|1|O",
        "TXA|1|CN|AP|20260101100000+0200||||||||D1^^1.2.3.4^ISO|||||AU",
        f"OBX|1|ED|18842-5^Discharge^LN||^AP^PDF^Base64^{document}||||||F",
    )  # fmt: skip
    assert len(document) > 5_000_000
    same(before, after, *REPEATED, "OBX-5.5", "TXA-12.1")
