"""Codes that no table knows: each is asked about once, as a Task, and what waits for the answer goes on in order.

Spec: https://hl7.org/fhir/R4/task.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from adapters.hl7.applying.server import Answer as Reply
from adapters.hl7.applying.server import FhirServer, Json

SYSTEM = "https://stanforis.health/fhir/hl7v2/question"
"""System of the identifiers of questions, and of the code that marks their Tasks."""
CODE = "map-code"
PATIENT_TABLE = "PatientIdentity"
"""In place of a table, where it is asked whether two people are one."""
_OF_A_CODE = "What does this code of an HL7 v2 sender mean? Complete the task with an output 'answer'."
_OF_A_PATIENT = (
    "An HL7 v2 sender tells of a patient with another name and date of birth under a number of its own. "
    "Is it the patient in focus? Complete the task with an output 'answer': 'same', or 'other'."
)
_PAGE = 200


class Question(NamedTuple):
    """A code that has no meaning yet.

    Attributes:
        sender: name of the sender.
        table: the table that was asked.
        code: as sent.
    """

    sender: str
    table: str
    code: str

    @property
    def name(self) -> str:
        """What tells it apart from others: its parts, each percent-encoded, so that no two make the same."""
        return "/".join(quote(part, safe="") for part in self)

    def task(self, asked_at: str) -> Json:
        """Return the Task that asks, *asked_at* an instant."""
        is_of_a_patient = self.table == PATIENT_TABLE
        focus = {"focus": {"reference": f"Patient/{self.code.partition('/')[0]}"}} if is_of_a_patient else {}
        return {
            **focus,
            "resourceType": "Task",
            "identifier": [{"system": SYSTEM, "value": self.name}],
            "status": "requested",
            "intent": "order",
            "code": {"coding": [{"system": SYSTEM, "code": CODE}]},
            "description": _OF_A_PATIENT if is_of_a_patient else _OF_A_CODE,
            "authoredOn": asked_at,
            "input": [
                {"type": {"text": name}, "valueString": value} for name, value in zip(self._fields, self, strict=True)
            ],
        }

    def entry(self, asked_at: str) -> Json:
        """Return the entry of a transaction that asks, unless it was asked before."""
        criteria = f"identifier={quote(SYSTEM, safe='')}%7C{quote(self.name, safe='')}"
        return {
            "resource": self.task(asked_at),
            "request": {"method": "POST", "url": "Task", "ifNoneExist": criteria},
        }


class Meaning(NamedTuple):
    """What people said.

    Attributes:
        question: what was asked.
        coding: what the code means.
    """

    question: Question
    coding: Mapping[str, str]


async def ask(server: FhirServer, questions: list[Question], asked_at: str) -> Reply:
    """Ask what was not asked yet; return what the server says to it."""
    entries = [question.entry(asked_at) for question in questions]
    return await server.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})


async def answers(server: FhirServer, since: str | None = None) -> tuple[list[Meaning], str | None]:
    """Return what people answered, and the instant to ask from the next time.

    Args:
        server: has the Tasks.
        since: only what was said at or after this instant.
    """
    found: list[Meaning] = []
    newest = since
    later = "" if since is None else f"&_lastUpdated=ge{since}"
    url: str | None = f"Task?code={quote(SYSTEM, safe='')}%7C{CODE}&status=completed&_count={_PAGE}{later}"
    while url is not None:
        page = (await server.send("GET", url)).resource
        for entry in page.get("entry", []):
            task = entry["resource"]
            newest = max(newest or "", task["meta"]["lastUpdated"])
            meaning = _read(task)
            if meaning is not None:
                found.append(meaning)
        url = next((_relative(link["url"]) for link in page.get("link", []) if link["relation"] == "next"), None)
    return found, newest


def _read(task: Json) -> Meaning | None:
    told = {each["type"].get("text"): each.get("valueString") for each in task.get("input", [])}
    coding = next((each["valueCoding"] for each in task.get("output", []) if "valueCoding" in each), None)
    parts = [told.get(name) for name in Question._fields]
    if coding is None or "code" not in coding or not all(isinstance(part, str) for part in parts):
        return None
    return Meaning(Question(*(str(part) for part in parts)), coding)


def _relative(url: str) -> str:
    return "Task?" + url.partition("?")[2]
