"""Single writes of different requests, gathered into one call of the database.

What a call costs hardly depends on how many resources it stores: its statements and its commit are paid once. So a
write that finds a call under way waits for it, and is then carried out together with all that came meanwhile. A write
that is alone goes at once; right after a call of several, the next one waits a moment for those who write again.

Each write keeps its own outcome. It is on disk when its caller is told; a refusal is its own; and when a common call
fails in a way that left everything as it was, each of its writes is done again by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from stanforis.storage.gathering import Gatherer
from stanforis.storage.lull import Lull
from stanforis.storage.waiting import Waiting

from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.store.collisions import CollisionError
from fhir_api.store.port import Write

Outcome = StoredVersion | FhirError
Together = Callable[[Sequence[Write]], Awaitable[Sequence[Outcome]]]
"""Carry out writes to different resources in one call; an outcome for each, in order."""
Alone = Callable[[Write], Awaitable[StoredVersion]]
"""Carry out one write, again and again if it collides."""

MOST = 64
MOST_BYTES = 1 << 22
"""Writes in a call, and bytes of their bodies: a call is short, for whoever wants one of its resources waits for it."""
PATIENCE = 0.05
"""Seconds after which a call is no longer waited for: it may itself wait for a resource that somebody has locked."""
_LULL = 0.005
"""Seconds for which a call waits, at most, for those whom the last one answered."""


class Gathering:
    """The single writes of one tenant in one process."""

    def __init__(self, together: Together, alone: Alone) -> None:
        self._together = together
        self._alone = alone
        self._gatherer = Gatherer(self._carry_out, _fitting, PATIENCE, Lull(_LULL))

    async def write(self, write: Write) -> StoredVersion:
        """Carry out *write* and return the version it makes; see :class:`fhir_api.store.port.TenantStore`."""
        return await self._gatherer.ask(write)

    async def _carry_out(self, taken: list[Waiting[Write, StoredVersion]]) -> None:
        try:
            outcomes = await self._together([waiting.work for waiting in taken])
        except CollisionError:
            await self._one_by_one(taken)
        except FhirError as error:
            if error.kind is not ErrorKind.TOO_COSTLY:
                raise
            # one that waited too long spoiled it for the others
            await self._one_by_one(taken)
        else:
            for waiting, outcome in zip(taken, outcomes, strict=True):
                waiting.tell(outcome)

    async def _one_by_one(self, taken: Sequence[Waiting[Write, StoredVersion]]) -> None:
        for waiting in taken:
            try:
                waiting.tell(await self._alone(waiting.work))
            except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for it
                waiting.tell(error)


def _fitting(waiting: list[Waiting[Write, StoredVersion]]) -> list[Waiting[Write, StoredVersion]]:
    """Take what a call may hold, the oldest first; of several writes to one resource all but the first wait on."""
    taken: dict[ResourceKey, Waiting[Write, StoredVersion]] = {}
    size = 0
    for each in waiting:
        size += len(each.work.body)
        fits = not taken or (len(taken) < MOST and size <= MOST_BYTES)
        if fits and each.work.key not in taken:
            taken[each.work.key] = each
    return [*taken.values()]
