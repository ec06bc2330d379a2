"""The interface for programs: what :mod:`desk` can do, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from adapters.hl7.operation.desk import Desk
from adapters.hl7.operation.entrance import Entrance
from adapters.hl7.operation.noting import touched
from adapters.hl7.operation.rights import Right
from adapters.hl7.operation.shown import (
    MOST_LISTED,
    Closing,
    Corrected,
    Correcting,
    Covered,
    InList,
    Meaning,
    Messages,
    Page,
    Patients,
    Question,
    Replayed,
    Replaying,
    Said,
    Sent,
    Shown,
    meaning,
)

_ACCEPTED = 202


class Api:
    """The endpoints."""

    def __init__(self, desk: Desk) -> None:
        """Serve what *desk* does."""
        self._desk = desk

    async def senders(self) -> list[Sent]:
        """Return all senders, by name."""
        return [Sent.of(each) for each in await self._desk.senders()]

    async def messages(self, page: Annotated[Page, Query()]) -> Messages:
        """Return messages that fit, the newest first."""
        found = await self._desk.messages(page.criteria(), page.before, page.count)
        before = found[-1].number if len(found) == page.count else None
        return Messages(messages=[InList.of(each) for each in found], before=before)

    async def search_messages(self, request: Request, asked: Patients) -> Messages:
        """Return the newest messages that wrote a patient's record."""
        found = await self._desk.of_patient(asked.patient.strip())
        touched(request, found.patients)
        return Messages(messages=[InList.of(each) for each in found.messages], before=None)

    async def message(self, number: int) -> Shown:
        """Return what became of a message."""
        return Shown.seen(await self._desk.message(number))

    async def content(self, request: Request, number: int) -> Said:
        """Return what a message says and what was made of it."""
        content = await self._desk.content(number)
        touched(request, content.patients)
        return Said.of(content)

    async def replay(self, replaying: Replaying) -> Replayed:
        """Have messages worked on again, in the order they came."""
        count = await self._desk.replay(
            replaying.criteria(),
            replaying.numbers,
            later=replaying.later,
            rate=replaying.rate,
            dry=replaying.dry_run,
        )
        return Replayed(count=count, dry_run=replaying.dry_run)

    async def close(self, number: int, closing: Closing) -> Shown:
        """Have nothing more done with a parked message or a dead letter."""
        await self._desk.close(number, closing.reason)
        return Shown.seen(await self._desk.message(number))

    async def correct(self, number: int, correcting: Correcting) -> Corrected:
        """Put a new message in place of a parked one or a dead letter, which is closed."""
        return Corrected(number=await self._desk.correct(number, correcting.text))

    async def coverage(
        self, sender: Annotated[str, Query(max_length=400)] = "", most: Annotated[int, Query(ge=1, le=5000)] = 500
    ) -> Covered:
        """Return how much of what the newest messages said was mapped."""
        return Covered.of(await self._desk.coverage(sender, most))

    async def questions(self, answered: bool = False) -> list[Question]:
        """Return open questions about codes, or those that are answered."""
        return [Question.of(each) for each in await self._desk.questions(is_answered=answered)]

    async def question(self, task_id: str) -> Question:
        """Return one question, with the codes that rows of its table know."""
        asked, choices = await self._desk.question(task_id)
        return Question.of(asked, [meaning(each) for each in choices])

    async def answer(self, task_id: str, said: Meaning) -> Question:
        """Say what a code means; messages that wait for it go on, in order, within seconds."""
        return Question.of(await self._desk.answer(task_id, said.coding()))


def router(desk: Desk, entrance: Entrance) -> APIRouter:
    """Return the routes, each with the right that it needs."""
    api = Api(desk)
    routes = APIRouter(prefix="/api")

    def add(
        path: str, does: Callable[..., Any], right: Right, summary: str, *, method: str = "GET", **more: Any
    ) -> None:
        guard = [Depends(unkept), Depends(admitting(entrance, right, does.__name__))]
        routes.add_api_route(path, does, methods=[method], dependencies=guard, summary=summary, **more)

    add("/senders", api.senders, Right.LOOK, "Senders and how they stand")
    add("/messages", api.messages, Right.LOOK, f"Messages, the newest first, {MOST_LISTED} at most")
    add("/messages/search", api.search_messages, Right.READ, "Those that wrote a patient's record", method="POST")
    add("/messages/{number}", api.message, Right.LOOK, "What became of a message")
    add("/messages/{number}/content", api.content, Right.READ, "What a message says, and what was made of it")
    add("/messages/{number}/close", api.close, Right.WORK, "Do nothing more with it", method="POST")
    add("/messages/{number}/correct", api.correct, Right.CORRECT, "Put another in its place", method="POST")
    add("/replays", api.replay, Right.WORK, "Work on messages again", method="POST", status_code=_ACCEPTED)
    add("/coverage", api.coverage, Right.LOOK, "How much was mapped")
    add("/questions", api.questions, Right.LOOK, "Codes that no row has")
    add("/questions/{task_id}", api.question, Right.LOOK, "One of them")
    add("/questions/{task_id}/answer", api.answer, Right.WORK, "Say what a code means", method="POST")
    return routes


async def unkept(response: Response) -> None:
    """Have nobody keep an answer."""
    response.headers.update({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


def admitting(entrance: Entrance, right: Right, name: str) -> Callable[[Request], Any]:
    """Return what lets a request in and notes what was asked for and by whom."""

    async def admit(request: Request) -> None:
        request.state.asked = name, request.scope["route"].path, request.path_params.get("number", "")
        request.state.operator = await entrance.admit(request, right)

    return admit
