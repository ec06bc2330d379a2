"""Pages for people: what :mod:`desk` can do, by links and forms, without scripts.

No URL holds anything of a patient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ValidationError

from adapters.hl7.operation.answers import AnswerError, Coding
from adapters.hl7.operation.api import admitting
from adapters.hl7.operation.desk import Desk, DeskError
from adapters.hl7.operation.entrance import Entrance
from adapters.hl7.operation.forms import Forms, operator_of
from adapters.hl7.operation.noting import touched
from adapters.hl7.operation.rendering import page, texts_of
from adapters.hl7.operation.rights import Right
from adapters.hl7.operation.shown import Closing, Meant, Patients, Replaying
from adapters.hl7.store.looking import Criteria, Listed, State
from fhir_api.model import exact_json
from identity.access.web.pages import HEADERS

_COUNT = 50
_COVERED = 500
_MEANT: Final = ("sender", "type", "state", "control_id", "since", "until")
_DONE: Final = frozenset(
    {"replayed", "closed", "corrected", "answered", "replaying", "switched", "revived", "revived_all"}
)
_UNAUTHORIZED = 401
_MOST_DIGITS = 19
Model = TypeVar("Model", bound=BaseModel)


class Pages:
    """The pages."""

    def __init__(self, desk: Desk, forms: Forms) -> None:
        """Show what *desk* does; *forms* keep others from sending its forms."""
        self._desk = desk
        self._forms = forms

    async def senders(self, request: Request) -> Response:
        """Return the page of senders."""
        return page(request, "senders.html", senders=await self._desk.senders())

    async def messages(self, request: Request) -> Response:
        """Return a page of messages."""
        asked = _asked(request.query_params)
        found = await self._desk.messages(_criteria(asked), before_of(request), _COUNT)
        older = ""
        if len(found) == _COUNT:
            older = urlencode({name: value for name, value in asked.items() if value} | {"before": found[-1].number})
        return await self._messages(request, found, asked, older=older)

    async def search_messages(self, request: Request) -> Response:
        """Return the newest messages that wrote a patient's record; what was asked stands in no URL."""
        sent = await self._forms.sent(request, "messages")
        meant = checked(Patients, {"patient": sent.get("patient", "").strip()})
        found = await self._desk.of_patient(meant.patient)
        touched(request, found.patients)
        return await self._messages(request, found.messages, _asked({}) | {"patient": meant.patient})

    async def _messages(
        self, request: Request, found: Sequence[Listed], asked: Mapping[str, str], *, older: str = ""
    ) -> Response:
        operator = operator_of(request)
        return page(
            request,
            "messages.html",
            messages=found,
            older=older,
            asked={"patient": "", **asked},
            form=self._forms.token(operator, "messages"),
            may_read=operator.may(Right.READ),
            **await self._choices(),
        )

    async def message(self, request: Request, number: int) -> Response:
        """Return the page of a message, without what it says."""
        operator = operator_of(request)
        return page(
            request,
            "message.html",
            seen=await self._desk.message(number),
            form=self._forms.token(operator, f"message {number}"),
            done=done_text(request),
            may_read=operator.may(Right.READ),
            may_work=operator.may(Right.WORK),
            may_correct=operator.may(Right.CORRECT),
        )

    async def content(self, request: Request, number: int) -> Response:
        """Return the page with what a message says."""
        content = await self._desk.content(number)
        touched(request, content.patients)
        bundle, outcome = _pretty(content.bundle), _pretty(content.outcome)
        return page(request, "content.html", number=number, content=content, bundle=bundle, outcome=outcome)

    async def replay_message(self, request: Request, number: int) -> Response:
        """Have a message worked on again, and lead back to it."""
        sent = await self._forms.sent(request, f"message {number}")
        await self._desk.replay(Criteria(), [number], later=sent.get("later") == "yes", rate=0, dry=False)
        return leading(request, f"/messages/{number}?done=replayed")

    async def close(self, request: Request, number: int) -> Response:
        """Have nothing more done with a message, and lead back to it."""
        sent = await self._forms.sent(request, f"message {number}")
        await self._desk.close(number, checked(Closing, {"reason": sent.get("reason", "")}).reason)
        return leading(request, f"/messages/{number}?done=closed")

    async def correction(self, request: Request, number: int) -> Response:
        """Return the page with a form to correct a message."""
        content = await self._desk.content(number)
        touched(request, content.patients)
        return self._correction(request, number, content.text)

    async def correct(self, request: Request, number: int) -> Response:
        """Correct a message and lead to the new one, or show the form again with what was wrong."""
        sent = await self._forms.sent(request, f"message {number}")
        text = sent.get("text", "")
        try:
            made = await self._desk.correct(number, text)
        except DeskError as error:
            return self._correction(request, number, text, error)
        return leading(request, f"/messages/{made}?done=corrected")

    def _correction(self, request: Request, number: int, text: str, error: DeskError | None = None) -> Response:
        form = self._forms.token(operator_of(request), f"message {number}")
        status, failed = (200, "") if error is None else (error.status, str(error))
        return page(request, "correct.html", status=status, number=number, text=text, form=form, failed=failed)

    async def questions(self, request: Request) -> Response:
        """Return the page of open questions."""
        return page(request, "questions.html", questions=await self._desk.questions(), done=done_text(request))

    async def question(self, request: Request, task_id: str) -> Response:
        """Return the page of a question."""
        return await self._question(request, task_id)

    async def answer(self, request: Request, task_id: str) -> Response:
        """Answer a question and lead back to the others, or show it again with what was wrong."""
        sent = await self._forms.sent(request, f"question {task_id}")
        choice, code = sent.get("choice", ""), sent.get("code", "").strip()
        coding = Coding(choice, "", "") if choice else Coding(code, sent.get("system", ""), sent.get("display", ""))
        try:
            if not coding.code:
                raise AnswerError(422, f"{texts_of(request)['code']}?")
            await self._desk.answer(task_id, coding)
        except AnswerError as error:
            return await self._question(request, task_id, error)
        return leading(request, "/questions?done=answered")

    async def _question(self, request: Request, task_id: str, error: AnswerError | None = None) -> Response:
        asked, choices = await self._desk.question(task_id)
        operator = operator_of(request)
        return page(
            request,
            "question.html",
            status=200 if error is None else error.status,
            asked=asked,
            choices=choices,
            form=self._forms.token(operator, f"question {task_id}"),
            failed="" if error is None else str(error),
            may_work=operator.may(Right.WORK),
        )

    async def coverage(self, request: Request) -> Response:
        """Return the page of coverage."""
        coverage = await self._desk.coverage(request.query_params.get("sender", ""), _COVERED)
        return page(request, "coverage.html", coverage=coverage, names=(await self._choices())["names"])

    async def replaying(self, request: Request) -> Response:
        """Return the page with a form to replay many messages."""
        return await self._replay_page(request, _asked({}) | {"rate": "0", "later": "yes"})

    async def replay(self, request: Request) -> Response:
        """Count the messages that are meant, or have them worked on again."""
        sent = await self._forms.sent(request, "replay")
        asked = _asked(sent) | {"rate": sent.get("rate", ""), "later": sent.get("later", "")}
        told = {name: value for name, value in asked.items() if value} | {"later": asked["later"] == "yes"}
        is_counted = sent.get("do") != "replay"
        try:
            meant = checked(Replaying, told)
            count = await self._desk.replay(meant.criteria(), (), later=meant.later, rate=meant.rate, dry=is_counted)
        except DeskError as error:
            return await self._replay_page(request, asked, failed=str(error))
        if is_counted:
            return await self._replay_page(request, asked, count=count)
        return leading(request, f"/replay?done=replaying&count={count}")

    async def _replay_page(
        self, request: Request, asked: Mapping[str, str], *, count: int | None = None, failed: str = ""
    ) -> Response:
        form = self._forms.token(operator_of(request), "replay")
        return page(
            request,
            "replay.html",
            status=422 if failed else 200,
            asked=asked,
            count=count,
            form=form,
            done=done_text(request),
            failed=failed,
            **await self._choices(),
        )

    async def _choices(self) -> dict[str, Any]:
        names = [each.name for each in await self._desk.senders()]
        return {"names": names, "states": [state.value for state in State]}


def routes(pages: Pages, entrance: Entrance) -> APIRouter:
    """Return the routes of pages, each with the right that it needs."""
    router = APIRouter()

    def add(path: str, does: Callable[..., Any], right: Right, method: str = "GET") -> None:
        guard = [Depends(admitting(entrance, right, does.__name__))]
        router.add_api_route(path, does, methods=[method], dependencies=guard, response_model=None)

    add("/", pages.senders, Right.LOOK)
    add("/messages", pages.messages, Right.LOOK)
    add("/messages", pages.search_messages, Right.READ, "POST")
    add("/messages/{number}", pages.message, Right.LOOK)
    add("/messages/{number}/content", pages.content, Right.READ)
    add("/messages/{number}/replay", pages.replay_message, Right.WORK, "POST")
    add("/messages/{number}/close", pages.close, Right.WORK, "POST")
    add("/messages/{number}/correct", pages.correction, Right.CORRECT)
    add("/messages/{number}/correct", pages.correct, Right.CORRECT, "POST")
    add("/questions", pages.questions, Right.LOOK)
    add("/questions/{task_id}", pages.question, Right.LOOK)
    add("/questions/{task_id}", pages.answer, Right.WORK, "POST")
    add("/coverage", pages.coverage, Right.LOOK)
    add("/replay", pages.replaying, Right.WORK)
    add("/replay", pages.replay, Right.WORK, "POST")
    return router


def is_page(request: Request) -> bool:
    """Tell whether people ask, and not programs."""
    return not request.url.path.removeprefix(request.scope.get("root_path", "")).startswith("/api")


def refusal(request: Request, status: int, text: str, sign_in: str) -> Response:
    """Return the page that says what cannot be done; where nobody is signed in it leads to *sign_in*."""
    is_unknown = status == _UNAUTHORIZED
    if is_unknown and sign_in and request.method == "GET":
        return RedirectResponse(sign_in, 303, dict(HEADERS))
    said = texts_of(request)["not_signed_in"] if is_unknown else text
    return page(request, "refused.html", status=status, text=said, sign_in=sign_in if is_unknown else "")


def _asked(told: Mapping[str, str]) -> dict[str, str]:
    return {name: told.get(name, "").strip() for name in _MEANT}


def _criteria(asked: Mapping[str, str]) -> Criteria:
    return checked(Meant, {name: value for name, value in asked.items() if value}).criteria()


def before_of(request: Request) -> int | None:
    """Return where a list goes on; None at its beginning.

    Raises:
        DeskError: it is no number (422).
    """
    before = request.query_params.get("before", "")
    if before and not (before.isdecimal() and len(before) < _MOST_DIGITS):
        raise DeskError(422, "before: expected a number.")
    return int(before) if before else None


def checked(kind: type[Model], told: Mapping[str, Any]) -> Model:
    """Return what was told as a model.

    Raises:
        DeskError: it does not fit (422).
    """
    try:
        return kind(**told)
    except ValidationError as error:
        first = error.errors()[0]
        raise DeskError(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from None


def done_text(request: Request) -> str:
    """Return what the page before did, and to how many messages; empty where it did nothing."""
    done, count = request.query_params.get("done", ""), request.query_params.get("count", "")
    text = texts_of(request)[f"done_{done}"] if done in _DONE else ""
    return f"{text} {count}" if text and count.isdecimal() else text


def _pretty(resource: dict[str, Any] | None) -> str:
    return "" if resource is None else exact_json.written(resource).decode()


def leading(request: Request, path: str) -> Response:
    """Return what leads to another page."""
    return RedirectResponse(request.scope.get("root_path", "") + path, 303, dict(HEADERS))
