"""Questions about codes, and their answers: Tasks of the FHIR server, each answered once.

The messages that wait go on, in order, as soon as the HL7 process has looked: within seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from adapters.hl7.applying.doubting import OTHER, SAME
from adapters.hl7.applying.questions import CODE, PATIENT_TABLE, SYSTEM, Question
from adapters.hl7.applying.server import FhirServer, Json
from mappings.corrections import linked
from mappings.errors import MappingError
from mappings.merging import common
from mappings.sites import find_sender

_OK, _CREATED = 200, 201
_MOST = 200


class AnswerError(Exception):
    """A question cannot be answered like this.

    Attributes:
        status: as HTTP counts.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Coding:
    """What a code may mean."""

    code: str
    system: str
    display: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question.

    Attributes:
        id: logical id of its Task.
        sender: name of the sender.
        table: the table that was asked.
        code: as sent.
        asked_at: instant.
        answer: what people said; None where nobody did.
    """

    id: str
    sender: str
    table: str
    code: str
    asked_at: str
    answer: Coding | None


_PATIENTS = (
    Coding(SAME, SYSTEM, "The patient in the task's focus"),
    Coding(OTHER, SYSTEM, "Another patient: the message is a dead letter"),
)


async def asked(server: FhirServer, *, is_answered: bool = False) -> list[Asked]:
    """Return open questions, or those that are answered; the newest first, 200 at most.

    Raises:
        AnswerError: the FHIR server does not answer (503).
    """
    status = "completed" if is_answered else "requested"
    url = f"Task?code={quote(SYSTEM, safe='')}%7C{CODE}&status={status}&_sort=-_lastUpdated&_count={_MOST}"
    answer = await server.send("GET", url)
    if answer.status != _OK:
        raise AnswerError(503, f"The FHIR server answered {answer.status}.")
    found = (_read(entry["resource"]) for entry in answer.resource.get("entry", []))
    return [each for each in found if each is not None]


async def question(server: FhirServer, task_id: str) -> Asked:
    """Return one question.

    Raises:
        AnswerError: there is none with this id (404).
    """
    return (await _task(server, task_id))[1]


async def say(server: FhirServer, task_id: str, coding: Coding) -> Asked:
    """Answer a question.

    Raises:
        AnswerError: there is none with this id (404), it is answered already (409), or the answer is refused (422).
    """
    task, question_asked = await _task(server, task_id)
    if question_asked.answer is not None or task["status"] == "completed":
        raise AnswerError(409, "The question is answered already.")
    told = {name: value for name, value in _members(coding).items() if value}
    task["status"] = "completed"
    task["output"] = [{"type": {"text": "answer"}, "valueCoding": told}]
    answer = await server.send("PUT", f"Task/{task_id}", task)
    if answer.status not in (_OK, _CREATED):
        raise AnswerError(422, f"The FHIR server answered {answer.status}.")
    return (await _task(server, task_id))[1]


def choices(asked_question: Asked, folder: Path) -> Sequence[Coding]:
    """Return the codes that rows of the table know; what a code means is one of them, most of the time."""
    if asked_question.table == PATIENT_TABLE:
        return _PATIENTS
    try:
        site, sender = find_sender(asked_question.sender, folder)
        tables = site.sheets(sender).tables
    except MappingError:
        tables = common().tables
    rows = tables.get(linked(tables, asked_question.table) or asked_question.table, ())
    found = {row.target: Coding(row.target, row.target_system, row.display) for row in rows if row.target}
    return tuple(found.values())


async def _task(server: FhirServer, task_id: str) -> tuple[Json, Asked]:
    answer = await server.send("GET", f"Task/{quote(task_id, safe='')}")
    found = _read(answer.resource) if answer.status == _OK else None
    if found is None:
        raise AnswerError(404, "There is no question with this id.")
    return answer.resource, found


def _read(task: Json) -> Asked | None:
    told: dict[str, Any] = {each["type"].get("text"): each.get("valueString") for each in task.get("input", [])}
    parts = [told.get(name) for name in Question._fields]
    if not all(isinstance(part, str) for part in parts) or not _is_question(task):
        return None
    said = next((each["valueCoding"] for each in task.get("output", []) if "valueCoding" in each), None)
    answer = None if said is None else Coding(said.get("code", ""), said.get("system", ""), said.get("display", ""))
    sender, table, code = (str(part) for part in parts)
    return Asked(task["id"], sender, table, code, task.get("authoredOn", ""), answer)


def _is_question(task: Json) -> bool:
    return any(coding.get("system") == SYSTEM for coding in task.get("code", {}).get("coding", []))


def _members(coding: Coding) -> dict[str, str]:
    return {"system": coding.system, "code": coding.code, "display": coding.display}
