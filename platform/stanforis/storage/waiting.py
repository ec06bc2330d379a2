"""A piece of work that is carried out together with others, and who waits for it."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")


class Waiting(Generic[Work, Outcome]):
    """Work, and the future of its outcome.

    Attributes:
        work: what is asked for.
        future: of what it gives; only to be awaited by whoever asked.
    """

    __slots__ = ("future", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def tell(self, outcome: Outcome | BaseException) -> None:
        """Hand over the outcome, unless nobody waits for it any longer."""
        if self.future.done():
            return
        if isinstance(outcome, BaseException):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)
