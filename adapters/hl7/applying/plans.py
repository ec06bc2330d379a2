"""The plans of senders, with what people said of codes that no table knew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from adapters.hl7.applying.questions import Meaning, Question
from adapters.hl7.encoding.message import Message
from adapters.hl7.mapping.plan import Mapped, Plan
from mappings.corrections import linked
from mappings.rows import CodeRow

_REQUIRED = "http://hl7.org/fhir/"
"""Begins the code systems that FHIR itself defines: elements that take their codes take no other, and no text."""


class SenderPlan:
    """The plan of one sender."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def apply(self, message: Message) -> Mapped:
        """Return what a message becomes."""
        return self._plan.apply(message)

    def waits(self, question: Question) -> bool:
        """Tell whether a message has to wait for the answer.

        It has where FHIR takes its own codes only, such as a gender or a status: without one the element is left out,
        and nobody would notice. Elsewhere the sender's code is kept beside the question.
        """
        tables = self._plan.sheets.tables
        rows = tables.get(linked(tables, question.table) or question.table, ())
        return any(row.target_system.startswith(_REQUIRED) for row in rows)

    def said(self, question: Question) -> str:
        """Return the code by which people answered; empty where they did not."""
        rows = self._plan.sheets.tables.get(question.table, ())
        return next((row.target for row in rows if row.code == question.code), "")


class AnsweredPlans:
    """The plans in use, by sender.

    A sender's plan is compiled anew when an answer for it has come, or when its rows have changed.
    """

    def __init__(self, plan_of: Callable[[str], Plan]) -> None:
        """Lay answers over the plans that *plan_of* gives by the sender's name."""
        self._plan_of = plan_of
        self._answers: dict[str, dict[Question, Mapping[str, str]]] = {}
        self._compiled: dict[str, tuple[Plan, int, SenderPlan]] = {}

    def of(self, sender: str) -> SenderPlan:
        """Return the plan of a sender."""
        below, answers = self._plan_of(sender), self._answers.get(sender, {})
        known = self._compiled.get(sender)
        if known is not None and known[0] is below and known[1] == len(answers):
            return known[2]
        made = SenderPlan(_with(below, answers) if answers else below)
        self._compiled[sender] = (below, len(answers), made)
        return made

    def learn(self, meanings: Iterable[Meaning]) -> list[Question]:
        """Take what people said into the plans; return the questions that are answered for the first time."""
        new = []
        for question, coding in meanings:
            answers = self._answers.setdefault(question.sender, {})
            if question not in answers:
                answers[question] = coding
                new.append(question)
        return new


def _with(plan: Plan, answers: Mapping[Question, Mapping[str, str]]) -> Plan:
    sheets = plan.sheets.copy()
    for question, coding in answers.items():
        name = linked(sheets.tables, question.table) or question.table
        said = CodeRow(0, question.code, "", "", coding["code"], coding.get("system", ""), coding.get("display", ""))
        sheets.tables[name] = (said, *(row for row in sheets.tables.get(name, ()) if row.code != question.code))
    return Plan(sheets, plan.sender, plan.zone)
