"""Pages for people about messages that are sent: what :mod:`dispatch` can do, by links and forms, without scripts.

No URL holds anything of a patient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from adapters.hl7.operation.api import admitting
from adapters.hl7.operation.desk import DeskError
from adapters.hl7.operation.dispatch import Dispatch
from adapters.hl7.operation.dispatch_shown import SentMeant, SentSearch, fate_name, mode_name
from adapters.hl7.operation.entrance import Entrance
from adapters.hl7.operation.forms import Forms, operator_of
from adapters.hl7.operation.noting import touched
from adapters.hl7.operation.pages import before_of, checked, done_text, leading
from adapters.hl7.operation.rendering import page
from adapters.hl7.operation.rights import Right
from adapters.hl7.operation.shown import Closing
from adapters.hl7.outbound.looking import SentCriteria
from adapters.hl7.outbound.queue import Fate, Mode

_COUNT = 50
_MEANT: Final = ("destination", "state", "control_id", "resource", "since", "until")
_MODES: Final = ("runs", "paused", "drains")


class DispatchPages:
    """The pages."""

    def __init__(self, dispatch: Dispatch, forms: Forms) -> None:
        """Show what *dispatch* does; *forms* keep others from sending its forms."""
        self._dispatch = dispatch
        self._forms = forms

    async def destinations(self, request: Request) -> Response:
        """Return the page of destinations."""
        operator = operator_of(request)
        return page(
            request,
            "destinations.html",
            destinations=await self._dispatch.destinations(),
            mode_of=mode_name,
            modes=_MODES,
            form=self._forms.token(operator, "destinations"),
            done=done_text(request),
            may_work=operator.may(Right.WORK),
        )

    async def switch(self, request: Request) -> Response:
        """Set a destination going or stop it, or have its dead messages sent again, and lead back."""
        sent = await self._forms.sent(request, "destinations")
        name, mode = sent.get("destination", ""), sent.get("mode", "")
        if mode == "revive":
            count = await self._dispatch.revive_all(name)
            return leading(request, f"/destinations?done=revived_all&count={count}")
        if mode not in _MODES:
            raise DeskError(422, "mode: expected runs, paused, drains or revive.")
        await self._dispatch.switch(name, Mode[mode.upper()], sent.get("reason", "").strip()[:400])
        return leading(request, "/destinations?done=switched")

    async def sent(self, request: Request) -> Response:
        """Return a page of messages that are sent."""
        asked = _asked(request.query_params)
        meant = checked(SentMeant, {name: value for name, value in asked.items() if value})
        return await self._list(request, asked, meant.criteria(), before_of(request))

    async def search_sent(self, request: Request) -> Response:
        """Return messages that tell of a patient; what was asked stands in no URL."""
        form = await self._forms.sent(request, "sent")
        asked = _asked(form) | {"patient": form.get("patient", "").strip()}
        search = checked(SentSearch, {name: value for name, value in asked.items() if value})
        touched(request, (search.patient,))
        return await self._list(request, asked, search.criteria(search.patient), None)

    async def _list(
        self, request: Request, asked: dict[str, str], criteria: SentCriteria, before: int | None
    ) -> Response:
        operator = operator_of(request)
        found = await self._dispatch.messages(criteria, before, _COUNT)
        older = ""
        if len(found) == _COUNT and not criteria.patient:
            older = urlencode({name: value for name, value in asked.items() if value} | {"before": found[-1].number})
        return page(
            request,
            "sent.html",
            messages=found,
            older=older,
            asked={"patient": ""} | asked,
            names=[each.standing.destination for each in await self._dispatch.destinations()],
            states=[fate_name(each) for each in Fate],
            fate_of=fate_name,
            form=self._forms.token(operator, "sent"),
            may_read=operator.may(Right.READ),
        )

    async def message(self, request: Request, number: int) -> Response:
        """Return the page of a message, without what it says."""
        operator = operator_of(request)
        found = await self._dispatch.message(number)
        return page(
            request,
            "sent_message.html",
            each=found,
            fate=fate_name(found.fate),
            form=self._forms.token(operator, f"sent {number}"),
            done=done_text(request),
            may_read=operator.may(Right.READ),
            may_work=operator.may(Right.WORK),
        )

    async def content(self, request: Request, number: int) -> Response:
        """Return the page with what a message says."""
        content = await self._dispatch.content(number)
        touched(request, content.patients)
        return page(request, "sent_content.html", number=number, content=content)

    async def revive(self, request: Request, number: int) -> Response:
        """Have a dead message sent again, and lead to it under its new number."""
        await self._forms.sent(request, f"sent {number}")
        return leading(request, f"/sent/{await self._dispatch.revive(number)}?done=revived")

    async def close(self, request: Request, number: int) -> Response:
        """Have nothing more done with a dead message, and lead back to it."""
        form = await self._forms.sent(request, f"sent {number}")
        await self._dispatch.close(number, checked(Closing, {"reason": form.get("reason", "")}).reason)
        return leading(request, f"/sent/{number}?done=closed")


def routes(pages: DispatchPages, entrance: Entrance) -> APIRouter:
    """Return the routes of pages, each with the right that it needs."""
    router = APIRouter()

    def add(path: str, does: Callable[..., Any], right: Right, name: str, method: str = "GET") -> None:
        guard = [Depends(admitting(entrance, right, name))]
        router.add_api_route(path, does, methods=[method], dependencies=guard, response_model=None)

    add("/destinations", pages.destinations, Right.LOOK, "destinations")
    add("/destinations", pages.switch, Right.WORK, "switch", "POST")
    add("/sent", pages.sent, Right.LOOK, "sent")
    add("/sent", pages.search_sent, Right.READ, "search_sent", "POST")
    add("/sent/{number}", pages.message, Right.LOOK, "sent_message")
    add("/sent/{number}/content", pages.content, Right.READ, "sent_content")
    add("/sent/{number}/revive", pages.revive, Right.WORK, "revive", "POST")
    add("/sent/{number}/close", pages.close, Right.WORK, "close_sent", "POST")
    return router


def _asked(told: Mapping[str, str]) -> dict[str, str]:
    return {name: told.get(name, "").strip() for name in _MEANT}
