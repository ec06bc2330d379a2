"""One message becomes FHIR: mapped by its sender's plan, and carried out as one transaction, alone or with others.

Applying a message again changes nothing: its resources are found by what it says of them, bytes that are stored
already make no version, and its Provenance has an id of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from adapters.hl7.applying import provenance, questions
from adapters.hl7.applying.doubting import SAME, doubts
from adapters.hl7.applying.known import Known
from adapters.hl7.applying.merging import MergeError, keep_joined, patients_of, stored_of
from adapters.hl7.applying.patients import Patients
from adapters.hl7.applying.questions import Question
from adapters.hl7.applying.sending import Sending
from adapters.hl7.applying.server import Answer, FhirServer, Json
from adapters.hl7.encoding.message import Message
from adapters.hl7.errors import Hl7Error
from adapters.hl7.mapping.plan import Mapped
from adapters.hl7.store.port import Settlement, State, StoredMessage
from fhir_api.model import exact_json

_OK = 200
_LATER = frozenset({409, 429, 500, 502, 503, 504})
"""Answers that may be others the next time."""
_FAULT = 500
_MOST_FAULTS = 5
"""How often a message may meet a fault of the server before it is set aside."""
_LONGEST_WAIT = 300
_OTHER = "PID-3: the sender gave this number to another patient, as people say"
_MOST_ISSUES = 3
_MOST_ASKED = 100_000
"""Questions that are remembered; others are asked again, which changes nothing."""


class Mapper(Protocol):
    """A compiled plan."""

    def apply(self, message: Message) -> Mapped:
        """Return what a message becomes."""
        ...

    def waits(self, question: Question) -> bool:
        """Tell whether a message has to wait until people have said what a code means."""
        ...

    def said(self, question: Question) -> str:
        """Return the code by which people answered; empty where they did not."""
        ...


Tell = Callable[[StoredMessage, Message, Settlement], Awaitable[None]]


async def _tell_nobody(_stored: StoredMessage, _message: Message, _settlement: Settlement) -> None:
    """Tell nobody."""


class Application:
    """Carries out one tenant's messages."""

    def __init__(
        self,
        server: FhirServer,
        plan_of: Callable[[str], Mapper],
        now: Callable[[], int],
        tell: Tell = _tell_nobody,
    ) -> None:
        """Prepare.

        Args:
            server: carries out transactions.
            plan_of: gives the plan of a sender, by name.
            now: tells milliseconds since 1970.
            tell: told what became of each message, before that is settled; what it raises has the message tried again.
        """
        self._tell = tell
        self._server = server
        self._plan_of = plan_of
        self._now = now
        self._asked: set[Question] = set()
        self._known = Known(now)
        self._patients = Patients(server)
        self._sending = Sending(server)

    async def apply(self, stored: StoredMessage) -> Settlement:
        """Carry out a message, tell its sender if that is wanted, and return what became of it."""
        try:
            message = Message.parse(stored.raw, stored.charset)
        except Hl7Error as error:
            return Settlement(stored.number, State.DEAD, f"{error.fault.condition.name} {error.fault.place}")
        settlement = await self._applied(stored, message)
        await self._tell(stored, message, settlement)
        return settlement

    async def _applied(self, stored: StoredMessage, message: Message) -> Settlement:
        plan = self._plan_of(stored.sender)
        mapped = plan.apply(message)
        if not mapped.structure:
            return Settlement(stored.number, State.DEAD, "MSH-9: no rows map this message type and event")
        unknown = [Question(stored.sender, code.table, code.code) for code in mapped.unmapped_codes]
        parked = await self._asked_about(stored, mapped, unknown, [each for each in unknown if plan.waits(each)])
        return parked or await self._carry_out(stored, mapped, plan)

    async def _asked_about(
        self, stored: StoredMessage, mapped: Mapped, unknown: Sequence[Question], waiting: Sequence[Question]
    ) -> Settlement | None:
        """Ask what is *unknown*; return how a message that is *waiting* for it stands, None where it goes on."""
        asked = await self._ask(stored, unknown)
        if asked.status != _OK:
            return self._refused(stored, asked, mapped)
        if not waiting:
            return None
        tables = ", ".join(sorted({question.table for question in waiting}))
        names = tuple(question.name for question in waiting)
        return Settlement(stored.number, State.PARKED, f"unknown codes of {tables}", questions=names)

    async def _ask(self, stored: StoredMessage, unknown: Sequence[Question]) -> Answer:
        """Ask people what was not asked yet; return what the server says to it."""
        new = [question for question in unknown if question not in self._asked]
        if not new:
            return Answer(_OK, {})
        answer = await questions.ask(self._server, new, provenance.instant(stored.received_at))
        if answer.status == _OK and len(self._asked) < _MOST_ASKED:
            self._asked.update(new)
        return answer

    async def _carry_out(self, stored: StoredMessage, mapped: Mapped, plan: Mapper) -> Settlement:
        bundle = mapped.bundle
        bundle.setdefault("entry", [])
        patients = patients_of(bundle)
        known = await stored_of(self._patients, patients)
        said = {question: plan.said(question) for question in doubts(stored.sender, patients, known)}
        open_questions = [question for question, answer in said.items() if not answer]
        parked = await self._asked_about(stored, mapped, open_questions, open_questions)
        if parked is not None:
            return parked
        if any(answer != SAME for answer in said.values()):
            return Settlement(stored.number, State.DEAD, _OTHER, plan=mapped.plan_id, made=_made(mapped))
        try:
            await keep_joined(self._server, patients, known)
        except MergeError as error:
            return Settlement(stored.number, State.DEAD, str(error), plan=mapped.plan_id, made=_made(mapped))
        self._known.shorten(bundle)
        sent: list[Json] = bundle["entry"]
        locations: list[str | None] = []
        if sent:
            targets = [entry["fullUrl"] for entry in sent]
            source = provenance.entry(stored, mapped.plan_id, targets)
            answer = await self._sending.send([*sent, source])
            if answer.status != _OK:
                return self._refused(stored, answer, mapped)
            locations = [entry["response"].get("location") for entry in answer.resource["entry"][: len(sent)]]
            self._known.learn(sent, locations)
        return Settlement(stored.number, State.MAPPED, plan=mapped.plan_id, made=_made(mapped, locations))

    def _refused(self, stored: StoredMessage, answer: Answer, mapped: Mapped) -> Settlement:
        reason = _told(answer)
        is_fault = answer.status == _FAULT and stored.attempts >= _MOST_FAULTS
        if answer.status not in _LATER or is_fault:
            made = _made(mapped, outcome=answer.resource)
            return Settlement(stored.number, State.DEAD, reason, plan=mapped.plan_id, made=made)
        seconds = min(2 ** min(stored.attempts, 16), _LONGEST_WAIT)
        return Settlement(stored.number, State.RECEIVED, reason, self._now() + seconds * 1000)


def _told(answer: Answer) -> str:
    """Return why the server refused: codes and places, none of the values."""
    issues: list[Mapping[str, Any]] = answer.resource.get("issue", [])
    grave = [issue for issue in issues if issue.get("severity") in {"fatal", "error"}]
    told = [" ".join([issue["code"], *issue.get("expression", ())[:1]]) for issue in grave[:_MOST_ISSUES]]
    return "; ".join([f"the FHIR server answered {answer.status}", *told])


def _made(mapped: Mapped, locations: Sequence[str | None] = (), outcome: Json | None = None) -> bytes:
    """Return what is kept of a message that was worked on."""
    ledger = mapped.ledger
    return exact_json.written(
        {
            "structure": mapped.structure,
            "bundle": mapped.bundle,
            "locations": locations,
            "outcome": outcome,
            "issues": [issue._asdict() for issue in mapped.issues],
            "ledger": {
                "mapped": len(ledger.mapped),
                "ignored": len(ledger.ignored),
                "unmapped": [str(place) for place in ledger.unmapped],
            },
        }
    )
