"""A hospital whose messages become what a test says, on the real FHIR server in memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

from adapters.hl7.applying.application import Application
from adapters.hl7.applying.questions import Question
from adapters.hl7.applying.server import InProcess
from adapters.hl7.applying.worker import Worker
from adapters.hl7.encoding.message import Message
from adapters.hl7.mapping.ledger import Ledger
from adapters.hl7.mapping.plan import Mapped
from adapters.hl7.mapping.run import UnmappedCode
from adapters.hl7.senders import Duplicates
from adapters.hl7.store.memory import MemoryMessageStore
from adapters.hl7.store.port import Arrival, State
from fhir_api.model import exact_json

Json = dict[str, Any]
MRN = "urn:mrn"


class Rows:
    """A plan that says what each control id becomes."""

    def __init__(self) -> None:
        self.entries: dict[str, list[Json]] = {}
        self.unmapped: dict[str, list[UnmappedCode]] = {}
        self.answers: dict[str, str] = {}

    def waits(self, question: Question) -> bool:
        return question.table == "HL70001"

    def said(self, question: Question) -> str:
        return self.answers.get(question.name, "")

    def apply(self, message: Message) -> Mapped:
        entries = exact_json.read(exact_json.written(self.entries.get(message["MSH-10"], [])))
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        codes = Counter(self.unmapped.get(message["MSH-10"], []))
        structure = "ADT_A01" if entries or codes else ""
        return Mapped(bundle, (), codes, "plan-1", structure, lambda: Ledger((), (), ()))


class Hospital:
    """A store with messages, and the worker that applies them."""

    def __init__(self, server: InProcess) -> None:
        self.server = server
        self.rows = Rows()
        self.store = MemoryMessageStore()
        self.clock = 1_000_000
        application = Application(server, lambda _sender: self.rows, lambda: self.clock)
        self.worker = Worker(self.store, application.apply, lambda: self.clock)

    async def receives(self, control_id: str, *entries: Json, unmapped: tuple[str, ...] = (), lane: int = 1) -> int:
        self.rows.entries[control_id] = list(entries)
        self.rows.unmapped[control_id] = [UnmappedCode("", "HL70001", code) for code in unmapped]
        raw = b"MSH|^~\\&|LAB||||20260101||ADT^A01|%b|P|2.5\r" % control_id.encode()
        receipt = await self.store.receive(
            Arrival("lab", control_id, "ADT^A01", "2.5", "ascii", raw, b"", (lane,), Duplicates.ACCEPT_NEW, self.clock)
        )
        assert receipt.number is not None
        return receipt.number

    async def state(self, number: int) -> State:
        message = await self.store.read(number)
        assert message is not None
        return message.state

    async def patient(self, mrn: str) -> Json:
        answer = await self.server.send("GET", f"Patient?identifier={MRN}%7C{mrn}")
        (entry,) = answer.resource["entry"]
        resource: Json = entry["resource"]
        return resource


def patient(mrn: str, **elements: Any) -> Json:
    resource = {"resourceType": "Patient", "identifier": [{"system": MRN, "value": mrn}], **elements}
    request = {"method": "PUT", "url": f"Patient?identifier={MRN}%7C{mrn}"}
    return {"fullUrl": f"urn:uuid:00000000-0000-0000-0000-{int(mrn):012d}", "resource": resource, "request": request}


def merged(mrn: str, into: str) -> tuple[Json, Json]:
    surviving = patient(into, gender="female")
    link = {"other": {"reference": surviving["fullUrl"]}, "type": "replaced-by"}
    return surviving, patient(mrn, active=False, link=[link])
