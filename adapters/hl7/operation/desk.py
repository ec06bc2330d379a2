"""What can be seen of a tenant's messages and done with them; who may is asked before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.hl7.applying.server import FhirServer
from adapters.hl7.encoding.message import Message
from adapters.hl7.errors import Hl7Error
from adapters.hl7.operation import answers
from adapters.hl7.operation.answers import Asked, Coding
from adapters.hl7.operation.coverage import Coverage, coverage_of
from adapters.hl7.operation.patients import OfPatient, sought
from adapters.hl7.operation.reading import Content, Made, content_of, made_of
from adapters.hl7.operation.standing import Known, SenderView, views
from adapters.hl7.receiving import answer_of, arrival_of, check
from adapters.hl7.senders import Sender
from adapters.hl7.store.looking import OPEN, Criteria, Listed, Replay
from adapters.hl7.store.port import MessageStore, StoredMessage, Verdict


class DeskError(Exception):
    """It cannot be done.

    Attributes:
        status: as HTTP counts.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Seen:
    """A message with what became of it: nothing of what it says.

    Attributes:
        listed: as in a list.
        made: what was made of it.
        later: how many messages of its lanes came later and are mapped.
        corrections: numbers of the messages that stand in for it.
    """

    listed: Listed
    made: Made
    later: int
    corrections: tuple[int, ...]

    @property
    def is_open(self) -> bool:
        """Whether it may be corrected or closed."""
        return self.listed.state in OPEN


class Desk:
    """The messages of one tenant."""

    def __init__(
        self, store: MessageStore, server: FhirServer, known: Known, folder: Path, now: Callable[[], int]
    ) -> None:
        """Look after messages.

        Args:
            store: has them.
            server: has the questions.
            known: gives the tenant's senders.
            folder: of the sites.
            now: tells milliseconds since 1970.
        """
        self._store = store
        self._server = server
        self._known = known
        self._folder = folder
        self._now = now

    async def senders(self) -> list[SenderView]:
        """Return all senders, by name."""
        known = await asyncio.to_thread(self._known)
        return await views(self._store, known, self._now())

    async def messages(self, criteria: Criteria, before: int | None = None, count: int = 50) -> list[Listed]:
        """Return messages that fit, the newest first."""
        return await self._store.listed(criteria, before=before, count=count)

    async def of_patient(self, told: str) -> OfPatient:
        """Return the newest messages that wrote a patient's record; those that are not mapped are not known by it.

        Args:
            told: an identifier of the patient, such as ``4711`` or ``urn:oid:1.2.3|4711``, or ``Patient/`` and an id.
        """
        return await sought(self._server, self._store, told)

    async def message(self, number: int) -> Seen:
        """Return a message, without what it says.

        Raises:
            DeskError: there is none with this number (404).
        """
        stored = await self._stored(number)
        work = await self._store.work(number)
        later, corrections = await self._store.later(number), await self._store.corrections(number)
        return Seen(_listed(stored), made_of(work), later, tuple(corrections))

    async def content(self, number: int) -> Content:
        """Return what a message says.

        Raises:
            DeskError: there is none with this number (404).
        """
        return content_of(await self._stored(number), await self._store.work(number))

    async def replay(self, criteria: Criteria, numbers: Sequence[int], *, later: bool, rate: float, dry: bool) -> int:
        """Have messages worked on again, in the order they came; return how many.

        Args:
            criteria: of the messages, where *numbers* names none.
            numbers: of single messages.
            later: also those of the same lanes that came later and are mapped.
            rate: messages a second at most; 0 for as many as can be.
            dry: count them only.

        Raises:
            DeskError: nothing says which messages are meant (422).
        """
        if not numbers and not criteria.is_narrow:
            raise DeskError(422, "Say which messages are meant: numbers, a sender, a type, a state or a time.")
        gap = round(1000 / rate) if rate > 0 else 0
        replay = Replay(self._now(), tuple(numbers), criteria, later, gap)
        return await (self._store.replayed(replay) if dry else self._store.replay(replay))

    async def close(self, number: int, reason: str) -> None:
        """Have nothing more done with a message.

        Raises:
            DeskError: there is none (404), or it is neither parked nor dead (409).
        """
        stored = await self._stored(number)
        if not await self._store.close_message(number, reason):
            raise DeskError(409, f"The message is {stored.state.value}: only parked and dead ones can be closed.")

    async def correct(self, number: int, text: str) -> int:
        """Put another content in place of a message's, as a new message; return its number.

        Args:
            number: of the message, which is parked or dead.
            text: the new content, a segment a line.

        Raises:
            DeskError: there is none (404), it is neither parked nor dead or the content came before (409), or the
                content is no message of its sender (422).
        """
        stored = await self._stored(number)
        sender = await self._sender(stored.sender)
        try:
            raw = "\r".join([*text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n"), ""])
            message = Message.parse(raw.encode(stored.charset), stored.charset)
            check(message, sender)
        except UnicodeEncodeError:
            raise DeskError(422, f"A character cannot be written in the message's charset {stored.charset}.") from None
        except Hl7Error as error:
            raise DeskError(422, f"{error.fault.condition.name} {error.fault.place}: {error.fault.text}") from None
        arrival = arrival_of(message, sender, answer_of(message, sender), self._now())
        receipt = await self._store.correct(number, arrival)
        if receipt.verdict is not Verdict.STORED or receipt.number is None:
            came_before = f"The same content came before as message {receipt.number}."
            refused = f"The message is {stored.state.value}: only parked and dead ones can be corrected."
            raise DeskError(409, came_before if receipt.verdict is Verdict.REPLAYED else refused)
        return receipt.number

    async def coverage(self, sender: str, most: int) -> Coverage:
        """Return how much of what the newest messages of a sender said was mapped."""
        return await coverage_of(self._store, sender, most)

    async def questions(self, *, is_answered: bool = False) -> list[Asked]:
        """Return open questions, or those that are answered."""
        return await answers.asked(self._server, is_answered=is_answered)

    async def question(self, task_id: str) -> tuple[Asked, Sequence[Coding]]:
        """Return one question, and the codes that rows of its table know."""
        asked = await answers.question(self._server, task_id)
        return asked, await asyncio.to_thread(answers.choices, asked, self._folder)

    async def answer(self, task_id: str, coding: Coding) -> Asked:
        """Answer a question; the messages that wait for it go on in order.

        Raises:
            AnswerError: see :func:`adapters.hl7.operation.answers.say`; a code that the table has no row for is
                refused where it names no system (422).
        """
        asked, choices = await self.question(task_id)
        known = next((each for each in choices if each.code == coding.code), None)
        if known is None and not coding.system:
            raise answers.AnswerError(422, f"No row of {asked.table} has this code: name its system.")
        filled = coding if coding.system or known is None else known
        return await answers.say(self._server, task_id, filled)

    async def _stored(self, number: int) -> StoredMessage:
        stored = await self._store.read(number)
        if stored is None:
            raise DeskError(404, "There is no message with this number.")
        return stored

    async def _sender(self, name: str) -> Sender:
        known = await asyncio.to_thread(self._known)
        return next((each for each in known if each.name == name), Sender(name))


def _listed(stored: StoredMessage) -> Listed:
    return Listed(
        stored.number,
        stored.sender,
        stored.control_id,
        stored.message_type,
        stored.received_at,
        stored.state,
        stored.reason,
        stored.attempts,
        len(stored.raw),
        stored.corrects,
    )
