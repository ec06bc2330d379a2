"""The interface for programs to messages that are sent: what :mod:`dispatch` can do, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from adapters.hl7.operation.api import admitting, unkept
from adapters.hl7.operation.dispatch import Dispatch
from adapters.hl7.operation.dispatch_shown import (
    DestinationShown,
    Renumbered,
    Revived,
    Reviving,
    SentInList,
    SentMessages,
    SentPage,
    SentSaid,
    SentSearch,
    Switching,
)
from adapters.hl7.operation.entrance import Entrance
from adapters.hl7.operation.noting import touched
from adapters.hl7.operation.rights import Right
from adapters.hl7.operation.shown import MOST_LISTED, Closing
from adapters.hl7.outbound.looking import SentCriteria
from adapters.hl7.outbound.queue import Mode

_ACCEPTED = 202


class DispatchApi:
    """The endpoints."""

    def __init__(self, dispatch: Dispatch) -> None:
        """Serve what *dispatch* does."""
        self._dispatch = dispatch

    async def destinations(self) -> list[DestinationShown]:
        """Return all destinations, by name."""
        return [DestinationShown.of(each) for each in await self._dispatch.destinations()]

    async def switch(self, site: str, name: str, switching: Switching) -> list[DestinationShown]:
        """Have a destination run, pause (nothing is sent) or drain (nothing new is made); return all."""
        await self._dispatch.switch(f"{site}/{name}", Mode[switching.mode.upper()], switching.reason)
        return await self.destinations()

    async def sent(self, page: Annotated[SentPage, Query()]) -> SentMessages:
        """Return messages that fit, the newest first."""
        return await self._listed(page.criteria(), page.before, page.count)

    async def search_sent(self, request: Request, search: SentSearch) -> SentMessages:
        """Return messages that tell of a patient, the newest first."""
        touched(request, (search.patient,))
        return await self._listed(search.criteria(search.patient), search.before, search.count)

    async def _listed(self, criteria: SentCriteria, before: int | None, count: int) -> SentMessages:
        found = await self._dispatch.messages(criteria, before, count)
        following = found[-1].number if len(found) == count else None
        return SentMessages(messages=[SentInList.of(each) for each in found], before=following)

    async def sent_message(self, number: int) -> SentInList:
        """Return what became of a message."""
        return SentInList.of(await self._dispatch.message(number))

    async def sent_content(self, request: Request, number: int) -> SentSaid:
        """Return what a message says, and what the destination answered."""
        content = await self._dispatch.content(number)
        touched(request, content.patients)
        return SentSaid.of(content)

    async def revive(self, number: int) -> Renumbered:
        """Have a dead message sent again; one that could not be made is made again."""
        return Renumbered(number=await self._dispatch.revive(number))

    async def revive_all(self, reviving: Reviving) -> Revived:
        """Have the dead messages of a destination sent again, in their order."""
        return Revived(count=await self._dispatch.revive_all(reviving.destination, reviving.most))

    async def close_sent(self, number: int, closing: Closing) -> SentInList:
        """Have nothing more done with a dead message."""
        await self._dispatch.close(number, closing.reason)
        return await self.sent_message(number)


def router(dispatch: Dispatch, entrance: Entrance) -> APIRouter:
    """Return the routes, each with the right that it needs."""
    api = DispatchApi(dispatch)
    routes = APIRouter(prefix="/api")

    def add(
        path: str, does: Callable[..., Any], right: Right, summary: str, *, method: str = "GET", **more: Any
    ) -> None:
        guard = [Depends(unkept), Depends(admitting(entrance, right, does.__name__))]
        routes.add_api_route(path, does, methods=[method], dependencies=guard, summary=summary, **more)

    add("/destinations", api.destinations, Right.LOOK, "Destinations and how they stand")
    add("/destinations/{site}/{name}/mode", api.switch, Right.WORK, "Run, pause or drain", method="PUT")
    add("/sent", api.sent, Right.LOOK, f"Messages that are sent, the newest first, {MOST_LISTED} at most")
    add("/sent/search", api.search_sent, Right.READ, "Those that tell of a patient", method="POST")
    add("/sent/revivals", api.revive_all, Right.WORK, "Send dead ones again", method="POST", status_code=_ACCEPTED)
    add("/sent/{number}", api.sent_message, Right.LOOK, "What became of a message")
    add("/sent/{number}/content", api.sent_content, Right.READ, "What a message says, and the answer")
    add("/sent/{number}/revive", api.revive, Right.WORK, "Send a dead message again", method="POST")
    add("/sent/{number}/close", api.close_sent, Right.WORK, "Do nothing more with it", method="POST")
    return routes
