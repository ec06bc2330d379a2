"""Looking for what people said of unknown codes, and having the messages that waited for it go on."""

from __future__ import annotations

from adapters.hl7.applying.plans import AnsweredPlans
from adapters.hl7.applying.questions import answers
from adapters.hl7.applying.server import FhirServer
from adapters.hl7.applying.worker import Worker
from adapters.hl7.looking_again import again_and_again
from adapters.hl7.store.port import MessageStore

EVERY_SECONDS = 15.0


class Answering:
    """The answers of one tenant."""

    def __init__(self, server: FhirServer, plans: AnsweredPlans, store: MessageStore, worker: Worker) -> None:
        """Read them from *server*, take them into *plans*, and have *worker* go on."""
        self._server = server
        self._plans = plans
        self._store = store
        self._worker = worker
        self._since: str | None = None

    async def look(self) -> int:
        """Take in what was said since the last look, and return how many answers were new."""
        meanings, self._since = await answers(self._server, self._since)
        new = self._plans.learn(meanings)
        for question in new:
            await self._store.release(question.name)
        if new:
            self._worker.wake()
        return len(new)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        await again_and_again(self.look, EVERY_SECONDS, "answers could not be read")
