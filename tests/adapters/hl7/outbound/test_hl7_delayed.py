"""Acknowledgements that an application gives later: by the decision table, once, and over the destination's queue."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.hl7.acknowledgement import Outcome
from adapters.hl7.applying.application import Application
from adapters.hl7.delayed import Delayed
from adapters.hl7.encoding import Message
from adapters.hl7.mapping.ledger import Ledger
from adapters.hl7.mapping.plan import Mapped
from adapters.hl7.outbound.queue import Fate
from adapters.hl7.receiving import answer_of
from adapters.hl7.senders import Sender
from adapters.hl7.sites import senders
from adapters.hl7.store.port import Settlement, State, StoredMessage
from adapters.hl7.store.postgres.outbound import PostgresQueues
from mappings.errors import MappingError
from tests.support.hl7 import ADT
from tests.support.tenants import new_tenant

TABLE = Path(__file__).parents[1] / "acknowledgement/decisions.csv"
DECISIONS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
SETTLED = {
    Outcome.STORED: Settlement(1, State.MAPPED, plan="p"),
    Outcome.ERROR: Settlement(1, State.DEAD, "the FHIR server answered 422; value Patient.gender", plan="p"),
    Outcome.REFUSED: Settlement(1, State.DEAD, "MSH-9: no rows map this message type and event"),
}
NOW = 1_800_000_000_000


def stored(raw: bytes = ADT) -> StoredMessage:
    message = Message.parse(raw)
    kind = f"{message['MSH-9.1']}^{message['MSH-9.2']}"
    return StoredMessage(1, "north/REG", message["MSH-10"], kind, raw, b"", "ascii", NOW, State.RECEIVED, "", 1)


def asking(msh_15: str, msh_16: str) -> bytes:
    return ADT.replace(b"|2.5.1\r", f"|2.5.1|||{msh_15}|{msh_16}\r".encode())


class Later:
    """Who gives later answers, and the queue in which they wait."""

    def __init__(self, queues: PostgresQueues, **settings: Any) -> None:
        tenant = new_tenant()
        self.sender = replace(Sender("north/REG", tenant, acknowledge_to="north/HIS"), **settings)
        self.queue = queues.queue(tenant, "north/HIS")
        self.delayed = Delayed(tenant, [self.sender], queues.queue, lambda: NOW)

    async def told(self, settlement: Settlement, raw: bytes = ADT) -> list[Message]:
        """Tell what became of a message; return what waits to be sent."""
        await self.delayed.tell(stored(raw), Message.parse(raw), settlement)
        return [Message.parse(each.raw) for each in await self.queue.claim(9, now=NOW, lease_milliseconds=0)]


@pytest.mark.parametrize("row", DECISIONS, ids=lambda row: "-".join(row.values()))
async def test_the_decision_table(queues, row):
    raw = asking(row["msh_15"], row["msh_16"])
    answers = await Later(queues).told(SETTLED[Outcome(row["outcome"])], raw)
    assert [each["MSA-1"] for each in answers] == ([] if row["when_applied"] == "-" else [row["when_applied"]])
    assert {(each["MSA-2"], each["MSH-15"], each["MSH-16"]) for each in answers} <= {("M1", "AL", "NE")}


async def test_an_answer_says_what_was_wrong_and_where(queues):
    (answer,) = await Later(queues).told(SETTLED[Outcome.ERROR], asking("AL", "AL"))
    assert (answer["ERR-3.1"], answer["ERR-8"]) == ("207", "the FHIR server answered 422; value Patient.gender")
    (answer,) = await Later(queues).told(SETTLED[Outcome.REFUSED], asking("AL", "AL"))
    assert answer["ERR-3.1"] == "201"


async def test_what_is_not_settled_yet_is_not_answered(queues):
    later = Later(queues)
    for state in (State.RECEIVED, State.PARKED):
        assert await later.told(Settlement(1, state, "later"), asking("AL", "AL")) == []


async def test_the_same_is_said_once_and_a_change_of_mind_anew(queues):
    later = Later(queues)
    raw = asking("AL", "AL")
    for _ in range(2):
        (error,) = await later.told(SETTLED[Outcome.ERROR], raw)
        assert error["MSA-1"] == "AE"
    codes = [each["MSA-1"] for each in await later.told(SETTLED[Outcome.STORED], raw)]
    assert codes == ["AE", "AA"]


async def test_a_sender_that_names_no_destination_gets_no_later_answer(queues):
    assert await Later(queues, acknowledge_to="").told(SETTLED[Outcome.STORED], asking("AL", "AL")) == []


async def test_the_file_goes_before_the_message(queues):
    assert len(await Later(queues, application_accept="AL").told(SETTLED[Outcome.STORED])) == 1
    assert await Later(queues, application_accept="NE").told(SETTLED[Outcome.STORED], asking("AL", "AL")) == []


@pytest.mark.parametrize(("version", "kinds"), [("2.3.1", ("D", "F")), ("2.5.1", ("D", "F")), ("2.8", ("", ""))])
async def test_the_original_mode_is_answered_twice_where_it_is_deferred(queues, version, kinds):
    raw = ADT.replace(b"|2.5.1\r", f"|{version}\r".encode())
    later = Later(queues, deferred=True)
    first = Message.parse(answer_of(Message.parse(raw), later.sender))
    (second,) = await later.told(SETTLED[Outcome.STORED], raw)
    assert [(each["MSA-1"], each["MSA-2"]) for each in (first, second)] == [("AA", "M1")] * 2
    assert (first["MSA-5"], second["MSA-5"]) == kinds
    assert second["MSH-15"] == ""


async def test_without_it_the_original_mode_is_answered_once(queues):
    later = Later(queues)
    assert Message.parse(answer_of(Message.parse(ADT), later.sender))["MSA-5"] == ""
    assert await later.told(SETTLED[Outcome.STORED]) == []


class Nothing:
    """A plan by which messages say nothing."""

    def waits(self, _question: object) -> bool:
        return False

    def said(self, _question: object) -> str:
        return ""

    def apply(self, _message: Message) -> Mapped:
        return Mapped(
            {"resourceType": "Bundle", "type": "transaction"}, (), {}, "p", "ADT_A01", lambda: Ledger((), (), ())
        )


async def test_a_message_that_was_applied_is_acknowledged_over_the_destination(hospital, queues):
    destination = hospital.destination("HIS", messages=["ACK"])
    sender = Sender("north/REG", hospital.tenant, acknowledge_to=destination.name)
    delayed = Delayed(hospital.tenant, [sender], queues.queue, lambda: hospital.clock)
    application = Application(hospital.server, lambda _sender: Nothing(), lambda: hospital.clock, delayed.tell)
    for _ in range(2):
        # the process died before the message was settled: it is applied again
        settlement = await application.apply(stored(asking("AL", "AL")))
        assert settlement.state is State.MAPPED
    await hospital.begin(destination)
    await hospital.until(destination, Fate.DONE, 1)
    assert [(each["MSH-9.1"], each["MSA-1"], each["MSA-2"]) for each in hospital.receiver.received] == [
        ("ACK", "AA", "M1")
    ]


SITE = """
name: north
senders:
  - {{name: REG, application: REG, {sender}}}
destinations:
  - {{name: HIS, host: 127.0.0.1, port: 1, messages: [{messages}]}}
"""


@pytest.mark.parametrize(
    ("sender", "messages", "error"),
    [
        ("acknowledge_to: HIS", "ACK", ""),
        ("acknowledge_to: HIS, deferred: true, accept: AL, application_accept: ER", "ADT_A01, ACK", ""),
        ("acknowledge_to: RIS", "ACK", "expected a destination of tenant 1, found 'RIS'"),
        ("acknowledge_to: HIS, tenant: 2", "ACK", "expected a destination of tenant 2, found 'HIS'"),
        ("acknowledge_here: true, deferred: true", "ACK", ""),
        ("deferred: true", "ACK", "expected acknowledge_to to name a destination, or acknowledge_here"),
        ("acknowledge_here: true, acknowledge_to: HIS", "ACK", "expected no acknowledge_to beside it"),
        ("acknowledge_to: HIS", "ADT_A01", "expected ACK among the messages of HIS"),
        ("deferred: true", "ACK", "expected acknowledge_to to name a destination"),
        ("accept: XX", "ACK", "Invalid enum value 'XX'"),
    ],
)
def test_a_file_says_who_is_answered_later(tmp_path, sender, messages, error):
    (tmp_path / "north").mkdir()
    (tmp_path / "north/site.yaml").write_text(SITE.format(sender=sender, messages=messages), encoding="utf-8")
    if error:
        with pytest.raises(MappingError, match=error):
            senders(tmp_path)
    else:
        (sender,) = senders(tmp_path)
        assert (sender.acknowledge_to or "here") == ("here" if sender.acknowledge_here else "north/HIS")
