"""A frame is read, stored and then answered, whatever it holds."""

from __future__ import annotations

import logging
from random import Random

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.mllp import FrameReader, Oversized, Peer, Reply, framed
from adapters.hl7.receiving import Receiver
from adapters.hl7.senders import Duplicates, Sender, Senders
from adapters.hl7.store.memory import MemoryMessageStore, MemoryMessageStores
from adapters.hl7.store.port import Arrival, Receipt, State, UnavailableError
from tests.support.hl7 import ADT, ORU, OWN, mutated

PEER = Peer("127.0.0.1", 2575)


class Failing(MemoryMessageStore):
    async def receive(self, arrival: Arrival) -> Receipt:
        raise UnavailableError("down")


class FailingStores(MemoryMessageStores):
    def for_tenant(self, tenant: int) -> MemoryMessageStore:
        return Failing()


def receiver(*senders: Sender, stores: MemoryMessageStores | None = None) -> Receiver:
    return Receiver(stores or MemoryMessageStores(), Senders(senders or [Sender("any")]), now=lambda: 1_000)


def said(reply: Reply) -> list[tuple[str, ...]]:
    """Return MSA-1, MSA-2, the error code and its place of each answer."""
    answers = [Message.parse(each) for each in reply.answers]
    return [(each["MSA-1"], each["MSA-2"], each["ERR-3"], each.text_at("ERR-2")) for each in answers]


def enhanced(accept: str, application: str) -> bytes:
    return ADT.replace(b"|2.5.1\r", f"|2.5.1|||{accept}|{application}\r".encode())


@pytest.mark.parametrize(
    ("raw", "codes"),
    [
        (ADT, ["AA"]),
        (enhanced("AL", "NE"), ["CA"]),
        (enhanced("AL", "AL"), ["CA"]),
        (enhanced("NE", "AL"), []),
        (enhanced("ER", ""), []),
        (enhanced("SU", "NE"), ["CA"]),
    ],
)
async def test_a_stored_message_is_answered_as_it_asks(raw, codes):
    reply = await receiver().receive(raw, PEER)
    assert ([each[0] for each in said(reply)], reply.is_stored) == (codes, True)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (ADT.replace(b"ADT^A01^ADT_A01", b""), ("AR", "M1", "101", "MSH^1^9")),
        (ADT.replace(b"|M1|", b"||"), ("AR", "", "101", "MSH^1^10")),
        (ADT.replace(b"|M1|", b"|" + b"x" * 200 + b"|"), ("AR", "x" * 200, "104", "MSH^1^10")),
        (ADT.replace(b"|M1|", b"|M\x001|"), ("AR", "M\x001", "102", "MSH^1^10")),
        (ADT + b"no segment\r", ("AR", "M1", "100", "PV1^1")),
        (b"nothing", ("AR", "", "100", "MSH^1")),
        (enhanced("AL", "NE") + b"no segment\r", ("CR", "M1", "100", "PV1^1")),
        (Oversized(ADT), ("AR", "M1", "104", "")),
    ],
)
async def test_a_refusal_names_the_place(raw, expected):
    reply = await receiver().receive(raw, PEER)
    assert (said(reply), reply.is_stored) == ([expected], False)


async def test_an_unknown_sender_is_refused():
    only = receiver(Sender("lab", application="DEMO", facility="CLINIC"))
    assert said(await only.receive(ADT, PEER)) == [("AR", "M1", "204", "MSH^1^3")]
    assert said(await only.receive(ORU, PEER))[0][0] == "AA"


@pytest.mark.parametrize("certificate", [None, "b" * 64])
async def test_a_sender_with_another_certificate_is_refused(certificate):
    bound = receiver(Sender("reg", application="REG", certificates=frozenset({"a" * 64})))
    assert said(await bound.receive(ADT, Peer("127.0.0.1", 1, certificate)))[0][:3] == ("AR", "M1", "204")
    assert said(await bound.receive(ADT, Peer("127.0.0.1", 1, "a" * 64)))[0][0] == "AA"


async def test_the_sender_that_says_most_is_found_first():
    senders = Senders(
        [
            Sender("any"),
            Sender("clinic", facility="CLINIC"),
            Sender("reg", application="REG"),
            Sender("both", application="REG", facility="CLINIC"),
        ]
    )
    assert senders.of(Message.parse(ADT)).name == "both"
    assert senders.of(Message.parse(ADT.replace(b"|CLINIC|", b"|X|"))).name == "reg"
    assert senders.of(Message.parse(ORU)).name == "clinic"
    assert senders.of(Message.parse(ORU.replace(b"|CLINIC|", b"|X|"))).name == "any"


async def test_processing_ids_that_are_not_taken_are_refused():
    training = ADT.replace(b"|P|2.5.1", b"|T|2.5.1")
    strict = receiver(Sender("any", processing_ids=frozenset({"P"})))
    assert said(await strict.receive(training, PEER)) == [("AR", "M1", "202", "MSH^1^11")]


async def test_a_senders_own_rules_go_before_what_it_says():
    silent = receiver(Sender("any", accept="NE", application_accept="AL"))
    assert (await silent.receive(ADT, PEER)).answers == ()


async def test_what_cannot_be_stored_is_not_acknowledged():
    down = receiver(stores=FailingStores())
    reply = await down.receive(ADT, PEER)
    assert (said(reply), reply.is_stored) == ([("AE", "M1", "207", "")], False)
    assert said(await down.receive(enhanced("AL", "NE"), PEER))[0][0] == "CE"


async def test_the_same_message_gets_the_same_answer():
    stores = MemoryMessageStores()
    both = receiver(stores=stores)
    first, again = await both.receive(ADT, PEER), await both.receive(ADT, PEER)
    assert first == again
    assert (await stores.for_tenant(1).counts())[State.RECEIVED] == 1


async def test_a_reused_control_id_goes_by_the_senders_policy():
    strict = receiver(Sender("any", duplicates=Duplicates.REJECT))
    await strict.receive(ADT, PEER)
    assert said(await strict.receive(ADT + b"NTE|1\r", PEER)) == [("AR", "M1", "205", "MSH^1^10")]


async def test_each_message_of_a_batch_is_answered():
    batch = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + ADT + b"MSH|||\r" + ORU + b"BTS|3\rFTS|1\r"
    reply = await receiver().receive(batch, PEER)
    assert [each[:2] for each in said(reply)] == [("AA", "M1"), ("AR", ""), ("AA", "R1")]
    assert not reply.is_stored


async def test_a_broken_batch_is_refused_as_a_whole():
    stores = MemoryMessageStores()
    reply = await receiver(stores=stores).receive(b"BHS|^~\\&|A\r" + ADT + b"BTS|7\r", PEER)
    assert [each[2:] for each in said(reply)] == [("199", "BTS^1^1")]
    assert sum((await stores.for_tenant(1).counts()).values()) == 0


async def test_a_sender_may_be_read_in_another_character_set():
    stores = MemoryMessageStores()
    czech = receiver(Sender("any", charset="8859/2"), stores=stores)
    await czech.receive(ADT.replace(b"Uwase", b"\xc8apek"), PEER)
    kept = await stores.for_tenant(1).read(1)
    assert kept is not None
    assert kept.charset == "iso8859-2"


async def mutate(rounds: int, seed: int) -> int:
    """Send mutated frames; return how many were stored."""
    chance = Random(seed)  # noqa: S311 - a repeatable course
    stores = MemoryMessageStores()
    anybody = receiver(stores=stores)
    for number in range(rounds):
        reader = FrameReader(2_000)
        stream = mutated(framed(OWN[number % len(OWN)]), chance) + framed(ADT)
        frames = reader.feed(stream)
        assert frames
        for frame in frames:
            for answer in (await anybody.receive(frame, PEER)).answers:
                assert Message.parse(answer)["MSA-1"] in {"AA", "AE", "AR", "CA", "CE", "CR"}
    return sum((await stores.for_tenant(1).counts()).values())


async def test_mutated_frames_are_answered():
    assert await mutate(3_000, 4) > 300


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(5, 10))
async def test_a_million_mutated_frames_are_answered(seed):
    assert await mutate(200_000, seed) > 10_000


async def test_logs_tell_nothing_of_a_patient(caplog):
    with caplog.at_level(logging.DEBUG):
        await receiver().receive(ADT + b"Uwase Diane\r", PEER)
        await receiver().receive(ADT, PEER)
    assert "SEGMENT_SEQUENCE PV1" in caplog.text
    assert "Uwase" not in caplog.text
    assert "4711" not in caplog.text
